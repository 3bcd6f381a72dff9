"""What the experts saw, from their tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deft.core import tables
from deft.core.errors import DataError


def read(files: Mapping[str, Sequence[Path]], clips: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
    """What each expert saw of these clips: expert → (clips, tokens, dim), NaN for a clip that it cannot see.

    ``files`` are each expert's tables (`deft.core.schemas.FEATURES`). An expert that sees none of the clips is left
    out.

    Raises:
        DataError: a table holds NaN or infinite values, or no expert sees any of the clips.

    """
    found: dict[str, npt.NDArray[np.float32]] = {}
    for expert, paths in files.items():
        seen: dict[str, Any] = {}
        for path in paths:
            own = {row["clip"]: np.array(row["tokens"], np.float32) for row in tables.rows(path)}
            bad = sum(not np.isfinite(tokens).all() for tokens in own.values())
            if bad:  # `dvc repro` alone finds nothing to do
                raise DataError(
                    path, f"NaN or infinite values in {bad} clips", "numbers", "run `dvc repro -f features`"
                )
            seen |= own
        if not seen.keys().isdisjoint(clips):
            nothing = np.full(next(iter(seen.values())).shape, np.nan, np.float32)
            found[expert] = np.array([seen.get(clip, nothing) for clip in clips])
    if not found:
        expected = "one that sees the clips: motion, where they come as flow"
        raise DataError("experts", ", ".join(files), expected, "mend params.yaml")
    return found
