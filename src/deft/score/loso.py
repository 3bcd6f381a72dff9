"""The figures of ``metrics/loso.json``, from truth and predictions per clip. docs/scores.md explains every rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from deft.core import tables
from deft.score import calibration, control, faithful, metrics
from deft.score.metrics import Floats, Score

RULES = {  # how the figures were obtained, by protocol
    "loso": "leave one subject out: pooled over {folds} folds",
    "lodo": "leave one dataset out: pooled over {folds} folds",
    "fixed": "one fixed split: {subjects} subjects tested",
}
_TRIPLE_COLUMNS = ("dataset", "subject", "label", "listed", "moving", "seen", "evidence", "target")


def joined(answer: tables.Row, triples: Mapping[str, tables.Row]) -> tables.Row:
    """Join a clip's prediction with its triple, in which the answer's own evidence and rationale become ``said_*``.

    ``triples`` are rows by clip. ``shuffled``, the answer with a donor's motion, gets that donor's evidence as
    ``measured`` (`deft.score.control`).
    """
    answered = {f"said_{name}": answer[name] for name in ("evidence", "rationale")}
    triple = {column: triples[answer["clip"]][column] for column in _TRIPLE_COLUMNS}
    shuffled = answer["shuffled"]
    if shuffled:
        shuffled = shuffled | {"measured": triples[shuffled["donor"]]["evidence"]}
    return answer | answered | triple | {"shuffled": shuffled}


def people(clips: Sequence[tables.Row]) -> list[str]:
    """Return the person in each clip, ``dataset/subject``."""
    return [tables.person(row) for row in clips]


def rule(folds: Mapping[str, Any]) -> str:
    """Return a phrase that says how the figures were obtained, from the report of the folds."""
    return RULES[folds["protocol"]].format(**folds)


def report(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """Return the `figures` of all clips, those of each dataset (``by_dataset``) and the rows of `by_subject`."""
    whole = figures(clips, resamples, seed)
    datasets = sorted({row["dataset"] for row in clips})
    by_dataset = {datasets[0]: dict(whole)}
    if len(datasets) > 1:
        by_dataset = {
            name: figures([row for row in clips if row["dataset"] == name], resamples, seed) for name in datasets
        }
    return whole | {"by_dataset": by_dataset, "by_subject": by_subject(clips)}


def figures(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """Return all figures of clips (`joined`): the main `scores` with 95 % intervals, and their parts.

    Both emotion groups get ``fold_mean`` and ``per_class``, units get ``per_unit`` and ``support``
    (`deft.score.metrics`).
    """
    drawn = metrics.draws(people(clips), resamples, seed)  # (resamples, clips)
    groups: dict[str, Any] = {group: metrics.with_intervals(score, drawn) for group, score in scores(clips).items()}
    for group in metrics.ANSWERS:
        groups[group] |= _parts(clips, classes(clips, group))
    groups["au"] |= metrics.per_unit([row["listed"] for row in clips], [row["units"] for row in clips])
    return groups | {"n": _count(clips)}


def scores(clips: Sequence[tables.Row]) -> dict[str, Score]:
    """Return the main scores of clips (`joined`) by group.

    ``emotion`` is the head's class, with the calibration error ``ece`` of its probability; ``generated`` the class in
    the text; ``au`` the unit head against the sheet's units; ``text`` the `text_score`; ``shuffled`` the score of the
    shuffled-evidence control (`deft.score.control`), absent where no clip was answered with another clip's motion.
    """
    true = [row["label"] for row in clips]
    head = metrics.emotion(true, classes(clips, "emotion"))
    ece = calibration.error(*certainty(clips))
    groups: dict[str, Score] = {
        "emotion": lambda weights: head(weights) | ece(weights),
        "generated": metrics.emotion(true, classes(clips, "generated")),
        "au": metrics.units([row["listed"] for row in clips], [row["units"] for row in clips]),
        "text": text_score(clips),
    }
    columns = [index for index, row in enumerate(clips) if row["shuffled"]]
    if columns:
        shuffled = control.score([clips[index] for index in columns])
        groups["shuffled"] = lambda weights: shuffled(weights[:, columns])
    return groups


def text_score(clips: Sequence[tables.Row]) -> Score:
    """Score the text against the motion, and against the text written from the clip.

    ``parsed`` is the share of answers that parse; ``agreement`` the share in which head and text name one class;
    ``evidence_f1`` compares named regions and directions with the clip's own triple. ``unsupported_au_rate``,
    ``contradictions``, ``follows``, ``bleu`` and ``rouge1`` are explained in `deft.score.faithful`. The model of a
    clip's fold has not seen the text written from the clip.
    """
    texts, targets = [row["text"] for row in clips], [row["target"] for row in clips]
    evidence = [row["said_evidence"] or [] for row in clips]
    rationales = [row["said_rationale"] or "" for row in clips]
    aus = [row["said_aus"] or [] for row in clips]
    head, generated = classes(clips, "emotion"), classes(clips, "generated")
    ratios = {
        "parsed": metrics.share([row["parsed"] for row in clips]),
        "agreement": metrics.share([one == other for one, other in zip(head, generated, strict=True)]),
        "evidence_f1": faithful.evidence_f1(evidence, [row["evidence"] for row in clips]),
        "unsupported_au_rate": faithful.unsupported(rationales, [row["moving"] for row in clips]),
        "contradictions": faithful.contradictions(evidence, [row["seen"] for row in clips]),
        "follows": faithful.follows(generated, aus),
        "rouge1": faithful.rouge1(texts, targets),
    }
    bleu = faithful.bleu(texts, targets)
    return lambda weights: {name: ratio(weights) for name, ratio in ratios.items()} | bleu(weights)


def by_subject(clips: Sequence[tables.Row]) -> list[dict[str, Any]]:
    """Return one row per ``subject``: its ``clips``, and accuracy and UF1 of head (``acc``, ``uf1``) and text.

    The text's columns begin with ``generated_``. A subject's UF1 covers only the few classes that the subject shows.
    """
    names, weights = metrics.members(people(clips))  # weights: (subjects, clips)
    true = [row["label"] for row in clips]
    columns: dict[str, Floats] = {}
    for group, prefix in (("emotion", ""), ("generated", "generated_")):
        scored = metrics.emotion(true, classes(clips, group))(weights)
        columns |= {f"{prefix}{key}": scored[key] for key in ("acc", "uf1")}
    return [
        {"subject": name, "clips": int(weights[number].sum())}
        | {column: round(float(values[number]), 4) for column, values in columns.items()}
        for number, name in enumerate(names)
    ]


def baselines(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """Return ``emotion`` and ``n`` of each baseline; a row has its name in ``baseline``, its class in ``emotion``."""
    scored = {}
    for name in sorted({row["baseline"] for row in clips}):
        rows = [row for row in clips if row["baseline"] == name]
        answers = classes(rows, "emotion")
        score = metrics.emotion([row["label"] for row in rows], answers)
        emotion = metrics.with_intervals(score, metrics.draws(people(rows), resamples, seed))
        scored[name] = {"emotion": emotion | _parts(rows, answers), "n": _count(rows)}
    return scored


def classes(clips: Sequence[tables.Row], group: str) -> list[str]:
    """Return the answered class of each clip, of ``emotion`` or ``generated``; "" where the text does not parse."""
    return [row[metrics.ANSWERS[group]] or "" for row in clips]


def certainty(clips: Sequence[tables.Row]) -> tuple[list[float], list[bool]]:
    """Return the probability of the head's class in each clip, and whether that class is right."""
    confidences = [max(each["p"] for each in row["probabilities"]) for row in clips]
    return confidences, [row["emotion"] == row["label"] for row in clips]


def _parts(clips: Sequence[tables.Row], answers: Sequence[str]) -> dict[str, Any]:
    true = [row["label"] for row in clips]
    mean = metrics.fold_mean(true, answers, [row["fold"] for row in clips])
    return {"fold_mean": mean, "per_class": metrics.per_class(true, answers)}


def _count(clips: Sequence[tables.Row]) -> dict[str, int]:
    return {"clips": len(clips), "subjects": len(set(people(clips)))}
