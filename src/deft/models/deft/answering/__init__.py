"""Answers of a tuned DEFT model: both heads, the generated text, and the class that all of them decide."""
