"""Scores against known truth, pooled over folds, with intervals; and the text's faithfulness to the motion."""
