"""How much each expert says that the others do not."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from deft.core import schemas, tables
from deft.score import metrics
from deft.score.loso import people
from deft.score.metrics import Floats


def drops(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """UF1 that the emotion head loses when an expert is hidden from the tuned model, with a 95 % interval.

    ``clips`` are rows of the predictions with their ``label``. The same clips are compared with and without the expert,
    and nothing is tuned again.
    """
    names = sorted({each["expert"] for row in clips for each in row["without"]})
    drawn = metrics.draws(people(clips), resamples, seed)
    return {name: metrics.with_intervals(partial(_drop, clips, name), drawn) for name in names}


def figures(
    clips: Sequence[tables.Row], baselines: Mapping[str, Any], resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Of each expert the ``probe``, one of the ``baselines``' figures, and its `drops` (None: it is the only one)."""
    lost = drops(clips, resamples, seed)
    probes = {
        name.removeprefix(schemas.PROBE): each["emotion"]
        for name, each in baselines.items()
        if name.startswith(schemas.PROBE)
    }
    return {name: {"probe": probe, "drop": lost.get(name)} for name, probe in probes.items()}


def _drop(clips: Sequence[tables.Row], expert: str, weights: Floats) -> dict[str, Floats]:
    true, head = ([row[key] for row in clips] for key in ("label", "emotion"))
    hidden = [{each["expert"]: each["emotion"] for each in row["without"]} for row in clips]
    without = [some.get(expert, given) for some, given in zip(hidden, head, strict=True)]  # it may see nothing anyway
    return {"uf1": metrics.emotion(true, head)(weights)["uf1"] - metrics.emotion(true, without)(weights)["uf1"]}
