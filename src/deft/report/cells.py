"""How figures look in the cells of a table."""

from collections.abc import Mapping, Sequence
from statistics import mean


def interval(scores: Mapping[str, float], key: str) -> str:
    """Return a figure with its interval, from ``key``, ``key_low`` and ``key_high``."""
    return f"{scores[key]:.3f} [{scores[f'{key}_low']:.3f},\N{NO-BREAK SPACE}{scores[f'{key}_high']:.3f}]"


def spread(values: Sequence[float]) -> str:
    """Return the mean over seeds, and the smallest and the largest value."""
    return f"{mean(values):.3f} [{min(values):.3f},\N{NO-BREAK SPACE}{max(values):.3f}]"
