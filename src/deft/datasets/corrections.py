"""Known errors of label sheets and their corrections: ``corrections.csv``, a table with a source for each."""

import csv
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from deft.datasets.workbook import text


class Correction(NamedTuple):
    """The correction of one cell, in the row of ``clip`` (subject/name).

    ``sheet`` is the wrong value that the sheet holds, ``ours`` the value used instead; ``why`` gives the reason and
    ``source`` who reports it.
    """

    dataset: str
    clip: str
    column: str
    sheet: str
    ours: str
    why: str
    source: str


@cache
def known() -> tuple[Correction, ...]:
    """Return all corrections."""
    with (Path(__file__).parent / "corrections.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Correction(**line) for line in csv.DictReader(file))


def apply(layout: str, subject: str, name: str, cells: dict[str, Any]) -> list[str]:
    """Correct a row's ``cells`` in place and return a sentence per correction.

    A cell is changed only if it holds the very value that is known to be wrong.
    """
    sentences = []
    for correction in known():
        concerned = (correction.dataset, correction.clip) == (layout, f"{subject}/{name}")
        if concerned and text(cells.get(correction.column)) == correction.sheet:
            cells[correction.column] = correction.ours
            sentences.append(
                f"{correction.column}: {correction.sheet} in the sheet, {correction.ours} is used: "
                f"{correction.why} ({correction.source})"
            )
    return sentences
