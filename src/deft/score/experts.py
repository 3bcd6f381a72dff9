"""Score how much each expert contributes that the other experts do not."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from deft.core import schemas, tables
from deft.score import metrics
from deft.score.loso import people
from deft.score.metrics import Floats


def drops(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """Return, by expert, the UF1 that the emotion head loses without that expert, with a 95 % interval.

    ``clips`` are rows of the predictions with their ``label``. The same tuned model answers the same clips with the
    expert and without it.
    """
    names = sorted({hidden["expert"] for row in clips for hidden in row["without"]})
    drawn = metrics.draws(people(clips), resamples, seed)
    return {name: metrics.with_intervals(partial(_drop, clips, name), drawn) for name in names}


def figures(
    clips: Sequence[tables.Row], baselines: Mapping[str, Any], resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return, by expert, the scores of its ``probe`` and its ``drop``.

    Probes are among the ``baselines``. The drop of a single expert is None, since nothing remains without it.
    """
    lost = drops(clips, resamples, seed)
    probes = {
        name.removeprefix(schemas.PROBE): scores["emotion"]
        for name, scores in baselines.items()
        if name.startswith(schemas.PROBE)
    }
    return {expert: {"probe": probe, "drop": lost.get(expert)} for expert, probe in probes.items()}


def _drop(clips: Sequence[tables.Row], expert: str, weights: Floats) -> dict[str, Floats]:
    true = [row["label"] for row in clips]
    head = [row["emotion"] for row in clips]
    without: list[str] = []
    for row in clips:  # an expert without tokens of a clip changes nothing there
        hidden: dict[str, str] = {answer["expert"]: answer["emotion"] for answer in row["without"]}
        without.append(hidden[expert] if expert in hidden else row["emotion"])
    uf1, uf1_without = (metrics.emotion(true, answers)(weights)["uf1"] for answers in (head, without))
    return {"uf1": uf1 - uf1_without}
