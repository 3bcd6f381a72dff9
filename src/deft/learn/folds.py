"""Folds: who is held out, and who is learned from. Subjects of different datasets are different people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

FINAL = "final"


class Fold(NamedTuple):
    """``name`` is ``<dataset>-<subject>`` of who is held out, or "final" for the model on all."""

    name: str
    train: list[str]
    test: list[str]


def loso(rows: Iterable[Mapping[str, Any]]) -> dict[str, Fold]:
    """Leave one subject out: a fold a subject by name, from rows with clip, dataset, subject and ``dropped``.

    A clip with a reason in ``dropped`` is never trained on, but tested all the same if it has a ``label``.
    """
    table = list(rows)
    names = sorted({_name(row) for row in table if row["label"]})
    return {
        name: Fold(
            name,
            [row["clip"] for row in table if _name(row) != name and not row["dropped"]],
            [row["clip"] for row in table if _name(row) == name and row["label"]],
        )
        for name in names
    }


def final(rows: Sequence[Mapping[str, Any]]) -> Fold:
    """The fold that learns from every clip and tests none."""
    return Fold(FINAL, [row["clip"] for row in rows if not row["dropped"]], [])


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['dataset']}-{row['subject']}"
