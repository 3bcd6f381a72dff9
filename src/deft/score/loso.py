"""The figures of ``metrics/loso.json`` from truth and predictions, clip by clip. docs/scores.md has every rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from deft.core import tables
from deft.score import calibration, control, faithful, metrics
from deft.score.metrics import Floats, Score

RULES = {  # how the figures came about
    "loso": "leave one subject out: pooled over {folds} folds",
    "lodo": "leave one dataset out: pooled over {folds} folds",
    "fixed": "one fixed split: {subjects} subjects tested",
}
_MEASURED = ("dataset", "subject", "label", "listed", "moving", "seen", "evidence", "target")


def joined(answer: tables.Row, triples: Mapping[str, tables.Row]) -> tables.Row:
    """A clip's prediction and what it is judged by, what was said apart from what was measured.

    ``triples`` are rows by clip; what the donor of a clip's `control` shows goes into ``shuffled``, as ``measured``.
    """
    said = {f"said_{name}": answer[name] for name in ("evidence", "rationale")}
    own = {key: triples[answer["clip"]][key] for key in _MEASURED}
    again = answer["shuffled"]
    return answer | said | own | {"shuffled": again and again | {"measured": triples[again["donor"]]["evidence"]}}


def people(clips: Sequence[tables.Row]) -> list[str]:
    """Return who is seen in each clip."""
    return [tables.person(row) for row in clips]


def rule(folds: Mapping[str, Any]) -> str:
    """How the figures came about, from the folds' report."""
    return RULES[folds["protocol"]].format(**folds)


def report(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """`figures` of all clips, of each dataset's under ``by_dataset``, and the rows of `by_subject`."""
    whole, names = figures(clips, resamples, seed), sorted({row["dataset"] for row in clips})
    own = {name: [row for row in clips if row["dataset"] == name] for name in names}
    each = {name: figures(some, resamples, seed) if len(own) > 1 else dict(whole) for name, some in own.items()}
    return whole | {"by_dataset": each, "by_subject": by_subject(clips)}


def figures(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """All figures of clips (`joined`): the main ones (`scores`) with 95 % intervals, and their parts.

    ``fold_mean`` and ``per_class`` of both classes, ``per_unit`` and ``support`` of units: see `deft.score.metrics`.
    """
    drawn = metrics.draws(people(clips), resamples, seed)
    found: dict[str, Any] = {group: metrics.with_intervals(score, drawn) for group, score in scores(clips).items()}
    for group in metrics.ANSWERS:
        found[group] |= _parts(clips, given(clips, group))
    found["au"] |= metrics.per_unit([row["listed"] for row in clips], [row["units"] for row in clips])
    return found | {"n": _count(clips)}


def scores(clips: Sequence[tables.Row]) -> dict[str, Score]:
    """The main figures of clips (`joined`) by group.

    ``emotion`` is the head's class, with ``ece``, the calibration of its probability; ``generated`` the class that the
    text names; ``au`` the unit head against the sheet's units; ``text`` the `words`; ``shuffled`` the `control`, which
    is not there where no clip was given another's motion.
    """
    true = [row["label"] for row in clips]
    head, sure = metrics.emotion(true, given(clips, "emotion")), calibration.error(*certainty(clips))
    found: dict[str, Score] = {
        "emotion": lambda weights: head(weights) | sure(weights),
        "generated": metrics.emotion(true, given(clips, "generated")),
        "au": metrics.units([row["listed"] for row in clips], [row["units"] for row in clips]),
        "text": words(clips),
    }
    again = [at for at, row in enumerate(clips) if row["shuffled"]]
    if again:
        shuffled = control.score([clips[at] for at in again])
        found["shuffled"] = lambda weights: shuffled(weights[:, again])
    return found


def words(clips: Sequence[tables.Row]) -> Score:
    """Words against motion, and against the text written from the clip, which its fold's model has not seen.

    ``parsed``: the share of answers in their form; ``agreement``: of those in which head and text name one class;
    ``evidence_f1``: regions and directions named against those of the clip's own triple; ``unsupported_au_rate``,
    ``contradictions``, ``follows``, ``bleu`` and ``rouge1``: see `deft.score.faithful`.
    """
    told, texts = [row["said_evidence"] or [] for row in clips], [row["text"] for row in clips]
    said, targets = given(clips, "generated"), [row["target"] for row in clips]
    ratios = {
        "parsed": metrics.share([row["parsed"] for row in clips]),
        "agreement": metrics.share([a == b for a, b in zip(given(clips, "emotion"), said, strict=True)]),
        "evidence_f1": faithful.evidence_f1(told, [row["evidence"] for row in clips]),
        "unsupported_au_rate": faithful.unsupported(
            [row["said_rationale"] or "" for row in clips], [row["moving"] for row in clips]
        ),
        "contradictions": faithful.contradictions(told, [row["seen"] for row in clips]),
        "follows": faithful.follows(said, [row["said_aus"] or [] for row in clips]),
        "rouge1": faithful.rouge1(texts, targets),
    }
    bleu = faithful.bleu(texts, targets)
    return lambda weights: {name: ratio(weights) for name, ratio in ratios.items()} | bleu(weights)


def by_subject(clips: Sequence[tables.Row]) -> list[dict[str, Any]]:
    """A row a ``subject``: its ``clips``, and accuracy and UF1 on them of the head (``acc``, ``uf1``) and of the text.

    A subject's UF1 is taken over the few classes that it shows.
    """
    names, alone = metrics.members(people(clips))
    found: dict[str, Floats] = {}
    for group, prefix in (("emotion", ""), ("generated", "generated_")):
        scored = metrics.emotion([row["label"] for row in clips], given(clips, group))(alone)
        found |= {f"{prefix}{key}": scored[key] for key in ("acc", "uf1")}
    return [
        {"subject": name, "clips": int(alone[at].sum())}
        | {key: round(float(each[at]), 4) for key, each in found.items()}
        for at, name in enumerate(names)
    ]


def baselines(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """``emotion`` and ``n`` of each baseline, from rows with its name in ``baseline`` and its class in ``emotion``."""
    found = {}
    for name in sorted({row["baseline"] for row in clips}):
        own = [row for row in clips if row["baseline"] == name]
        classes, drawn = given(own, "emotion"), metrics.draws(people(own), resamples, seed)
        scored = metrics.with_intervals(metrics.emotion([row["label"] for row in own], classes), drawn)
        found[name] = {"emotion": scored | _parts(own, classes), "n": _count(own)}
    return found


def given(clips: Sequence[tables.Row], group: str) -> list[str]:
    """The classes of ``emotion`` or ``generated``; "" where a text does not parse."""
    return [row[metrics.ANSWERS[group]] or "" for row in clips]


def certainty(clips: Sequence[tables.Row]) -> tuple[list[float], list[bool]]:
    """How probable the head finds its class in each clip, and whether it is right."""
    sure = [max(each["p"] for each in row["probabilities"]) for row in clips]
    return sure, [row["emotion"] == row["label"] for row in clips]


def _parts(clips: Sequence[tables.Row], classes: Sequence[str]) -> dict[str, Any]:
    true = [row["label"] for row in clips]
    mean = metrics.fold_mean(true, classes, [row["fold"] for row in clips])
    return {"fold_mean": mean, "per_class": metrics.per_class(true, classes)}


def _count(clips: Sequence[tables.Row]) -> dict[str, int]:
    return {"clips": len(clips), "subjects": len(set(people(clips)))}
