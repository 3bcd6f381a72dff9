"""Folds and controls: which clips a model learns from, and which it is tested on."""
