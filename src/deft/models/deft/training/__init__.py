"""Tuning of DEFT: examples, losses, alignment of the motion tokens, the training loop, the choice of an epoch."""
