"""Score the shuffled-evidence control: how much an answer changes when the motion is another clip's."""

from collections.abc import Sequence

from deft.core import tables
from deft.score import faithful, metrics
from deft.score.metrics import Floats, Score


def score(clips: Sequence[tables.Row]) -> Score:
    """Score clips that were answered again with a donor's motion; that answer is in ``shuffled``.

    ``emotion_changed``, ``generated_changed`` and ``evidence_changed`` are the shares of clips in which the head's
    class, the text's class, or the set of named regions and directions changes. ``emotion_uf1`` and ``generated_uf1``
    are against the clip's own label. ``evidence_f1`` is against the clip's own motion, ``donor_evidence_f1`` against
    the motion that was shown: a text that follows its evidence scores high there (`deft.learn.control`).
    """
    shuffled = [row["shuffled"] for row in clips]
    true = [row["label"] for row in clips]
    evidence = [row["said_evidence"] or [] for row in clips]
    shuffled_evidence = [row["evidence"] or [] for row in shuffled]
    changed = {
        f"{name}_changed": [before[column] != after[column] for before, after in zip(clips, shuffled, strict=True)]
        for name, column in metrics.ANSWERS.items()
    }
    changed["evidence_changed"] = [
        faithful.pairs(before) != faithful.pairs(after)
        for before, after in zip(evidence, shuffled_evidence, strict=True)
    ]
    ratios = {name: metrics.share(flags) for name, flags in changed.items()} | {
        "evidence_f1": faithful.evidence_f1(shuffled_evidence, [row["evidence"] for row in clips]),
        "donor_evidence_f1": faithful.evidence_f1(shuffled_evidence, [row["measured"] for row in shuffled]),
    }
    emotions = {
        f"{name}_uf1": metrics.emotion(true, [row[column] or "" for row in shuffled])
        for name, column in metrics.ANSWERS.items()
    }

    def figures(weights: Floats) -> dict[str, Floats]:
        uf1 = {name: emotion(weights)["uf1"] for name, emotion in emotions.items()}
        return {name: ratio(weights) for name, ratio in ratios.items()} | uf1

    return figures
