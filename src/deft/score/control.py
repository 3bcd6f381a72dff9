"""The shuffled-evidence control: how much an answer changes when the motion is another clip's."""

from collections.abc import Sequence

from deft.core import tables
from deft.score import faithful, metrics
from deft.score.metrics import Floats, Score


def score(clips: Sequence[tables.Row]) -> Score:
    """Figures of clips of which each was answered again with a donor's motion in ``shuffled`` (`deft.learn.control`).

    ``emotion_changed``, ``generated_changed``, ``evidence_changed``: the share of clips of which the head's class, the
    text's class, the set of regions and directions named is another. ``emotion_uf1``, ``generated_uf1``: against the
    clip's own label. ``evidence_f1``: against the clip's own motion; ``donor_evidence_f1``: against the motion given,
    which is what a text that goes by its evidence tells.
    """
    again = [row["shuffled"] for row in clips]
    true = [row["label"] for row in clips]
    told, tells = [row["said_evidence"] or [] for row in clips], [row["evidence"] or [] for row in again]
    classes = {name: [row[key] or "" for row in again] for name, key in metrics.ANSWERS.items()}
    changed = {
        f"{name}_changed": [a[key] != b[key] for a, b in zip(clips, again, strict=True)]
        for name, key in metrics.ANSWERS.items()
    }
    changed["evidence_changed"] = [faithful.pairs(a) != faithful.pairs(b) for a, b in zip(told, tells, strict=True)]
    ratios = {name: metrics.share(some) for name, some in changed.items()} | {
        "evidence_f1": faithful.evidence_f1(tells, [row["evidence"] for row in clips]),
        "donor_evidence_f1": faithful.evidence_f1(tells, [row["measured"] for row in again]),
    }
    emotions = {f"{name}_uf1": metrics.emotion(true, given) for name, given in classes.items()}

    def figures(weights: Floats) -> dict[str, Floats]:
        uf1 = {name: emotion(weights)["uf1"] for name, emotion in emotions.items()}
        return {name: ratio(weights) for name, ratio in ratios.items()} | uf1

    return figures
