"""Training: the backbone, the folds and their loop, generation."""
