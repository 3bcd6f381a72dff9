"""Folds: which subjects are held out and which are trained on. Two datasets' subjects are different people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from deft.core.errors import DataError
from deft.core.tables import person

FINAL = "final"
Row = Mapping[str, Any]  # of `deft.core.schemas.TRIPLES`: clip, dataset, subject, part, label and dropped


class Fold(NamedTuple):
    """Clips to ``train`` on and to ``test``; ``name`` says who is held out ("final": nobody)."""

    name: str
    train: list[str]
    test: list[str]


def loso(rows: Iterable[Row]) -> dict[str, Fold]:
    """Return leave-one-subject-out folds: one per subject, named ``<dataset>-<subject>``.

    Raises:
        DataError: the folds of two subjects would have the same name.

    """
    table = list(rows)
    people: dict[str, str] = {}
    for row in table:
        other = people.setdefault(f"{row['dataset']}-{row['subject']}", person(row))
        if other != person(row):
            raise DataError("folds", f"{other} and {person(row)}", "names that differ without / and -", "rename one")
    return _leave_out(table, lambda row: f"{row['dataset']}-{row['subject']}")


def lodo(rows: Iterable[Row]) -> dict[str, Fold]:
    """Return leave-one-dataset-out folds: one per dataset, by its name.

    Raises:
        DataError: there is only one dataset.

    """
    table = list(rows)
    datasets = sorted({row["dataset"] for row in table})
    if len(datasets) < 2:
        remedy = "add datasets, or take folds.protocol: loso"
        raise DataError("folds.protocol: lodo", f"the datasets {', '.join(datasets)}", "two or more", remedy)
    return _leave_out(table, lambda row: str(row["dataset"]))


def fixed(rows: Iterable[Row], test: Sequence[str]) -> dict[str, Fold]:
    """Return a single split, in which the subjects that ``test`` names are held out.

    A name is a dataset, dataset/subject or dataset/part.

    Raises:
        DataError: a name matches no subject.

    """
    table = list(rows)
    names = {row["clip"]: {row["dataset"], person(row), f"{row['dataset']}/{row['part']}"} for row in table}
    for name in test:
        if not any(name in clip_names for clip_names in names.values()):
            expected = "a dataset, dataset/subject or dataset/part among the clips"
            raise DataError("folds.test", name, expected, "correct it in params.yaml")
    held = {person(row) for row in table if names[row["clip"]] & set(test)}
    return {"fixed": _fold("fixed", table, lambda row: person(row) in held)}


def final(rows: Sequence[Row]) -> Fold:
    """Return the fold that trains on every clip and tests none."""
    return _fold(FINAL, rows, lambda _: False)


def split(protocol: str, test: Sequence[str], rows: Sequence[Row]) -> dict[str, Fold]:
    """Return the folds of a protocol (loso | lodo | fixed) by name, checked (`check`)."""
    protocols: dict[str, Callable[[Iterable[Row]], dict[str, Fold]]] = {
        "loso": loso,
        "lodo": lodo,
        "fixed": partial(fixed, test=test),
    }
    folds = protocols[protocol](rows)
    check(folds.values(), rows)
    return folds


def unseen(fold: Fold, rows: Iterable[Row]) -> set[str]:
    """Return the classes that a fold tests without a training clip of them; its model cannot name them.

    This happens to a class that only one subject shows. Its clips count as wrong, since leaving them out would flatter
    the score.
    """
    labels = {row["clip"]: str(row["label"]) for row in rows}
    return {labels[clip] for clip in fold.test} - {labels[clip] for clip in fold.train}


def check(folds: Iterable[Fold], rows: Iterable[Row]) -> None:
    """Check that no subject is on both sides of a fold, no clip is tested twice, and no side is empty.

    Names that differ only in case are taken to be one subject's.

    Raises:
        DataError: a check fails; the message names the fold and the subject or clip.

    """
    people = {row["clip"]: person(row).casefold() for row in rows}
    tested: dict[str, str] = {}
    for fold in folds:
        both = {people[clip] for clip in fold.train} & {people[clip] for clip in fold.test}
        if both:
            found = f"{', '.join(sorted(both))} on both sides"
            raise DataError(f"fold {fold.name}", found, "each subject on one side", "change the split")
        if not fold.train:
            raise DataError(f"fold {fold.name}", "nobody to learn from", "clips of other subjects", "add subjects")
        if not fold.test:
            raise DataError(f"fold {fold.name}", "nobody to test", "clips with a label", "change the split")
        for clip in fold.test:
            if clip in tested:
                found = f"{clip}, tested in {tested[clip]} too"
                raise DataError(f"fold {fold.name}", found, "each clip tested once", "change the split")
            tested[clip] = fold.name
    if not tested:
        raise DataError("folds", "no clip with a label", "some", "take another task.labels")


def _leave_out(table: Sequence[Row], held: Callable[[Row], str]) -> dict[str, Fold]:
    names = sorted({held(row) for row in table if row["label"]})
    if FINAL in names:
        raise DataError("datasets", FINAL, "a name that is not the whole model's", "rename its folder")
    return {name: _fold(name, table, lambda row, name=name: held(row) == name) for name in names}  # type: ignore[misc]


def _fold(name: str, table: Iterable[Row], held: Callable[[Row], bool]) -> Fold:
    """Clips with a reason in ``dropped`` are never trained on, but tested all the same if they have a ``label``."""
    rows = list(table)
    return Fold(
        name,
        [row["clip"] for row in rows if not held(row) and not row["dropped"]],
        [row["clip"] for row in rows if held(row) and row["label"]],
    )
