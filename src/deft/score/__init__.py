"""Figures: against known truth, pooled over folds, with intervals; words against motion."""
