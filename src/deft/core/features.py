"""Tokens of the experts, from their tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deft.core import tables
from deft.core.errors import DataError

Tokens = npt.NDArray[np.float32]


def read(files: Mapping[str, Sequence[Path]], clips: Sequence[str]) -> dict[str, Tokens]:
    """Return the tokens of clips: expert → (clips, tokens, dim), NaN for a clip without tokens.

    ``files`` are each expert's tables (`deft.core.schemas.FEATURES`). An expert that has no tokens of any of the clips
    is left out.

    Raises:
        DataError: a table holds NaN or infinite values, or no expert has tokens of any of the clips.

    """
    views: dict[str, Tokens] = {}
    for expert, paths in files.items():
        by_clip: dict[str, Tokens] = {}
        for path in paths:
            by_clip |= _table(path)
        if not by_clip.keys().isdisjoint(clips):
            missing = np.full(next(iter(by_clip.values())).shape, np.nan, np.float32)
            views[expert] = np.array([by_clip.get(clip, missing) for clip in clips])
    if not views:
        expected = "one that sees the clips: motion, where they come as flow"
        raise DataError("experts", ", ".join(files), expected, "change params.yaml")
    return views


def _table(path: Path) -> dict[str, Tokens]:
    """Return the finite tokens (tokens, dim) of each clip in a table."""
    by_clip = {row["clip"]: np.array(row["tokens"], np.float32) for row in tables.rows(path)}
    bad = sum(not np.isfinite(tokens).all() for tokens in by_clip.values())
    if bad:  # a plain `dvc repro` would find nothing to do
        raise DataError(path, f"NaN or infinite values in {bad} clips", "numbers", "run `dvc repro -f features`")
    return by_clip
