"""How much each expert says that the others do not."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from deft import tables
from deft.score import metrics
from deft.score.loso import people


def drops(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """UF1 that the emotion head loses when an expert is hidden from the tuned model, with a 95 % interval.

    ``clips`` are rows of the predictions with their ``label``. The same clips are compared with and without the expert,
    and nothing is tuned again.
    """
    names = sorted({each["expert"] for row in clips for each in row["without"]})
    return {name: metrics.with_intervals(partial(_drop, clips, name), people(clips), resamples, seed) for name in names}


def _drop(clips: Sequence[tables.Row], expert: str, at: Sequence[int]) -> metrics.Scores:
    true, head = ([clips[i][key] for i in at] for key in ("label", "emotion"))
    hidden = [{each["expert"]: each["emotion"] for each in clips[i]["without"]} for i in at]
    without = [some.get(expert, given) for some, given in zip(hidden, head, strict=True)]  # it may see nothing anyway
    return {"uf1": metrics.emotion(true, head)["uf1"] - metrics.emotion(true, without)["uf1"]}
