"""What is known to be wrong in label sheets, and what is right: ``corrections.csv``, a cited table."""

import csv
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from deft.datasets.workbook import text


class Correction(NamedTuple):
    """One cell: in the row of ``clip`` (subject/name) ``sheet`` stands where ``ours`` should; why, and who says so."""

    dataset: str
    clip: str
    column: str
    sheet: str
    ours: str
    why: str
    source: str


@cache
def known() -> tuple[Correction, ...]:
    """All corrections."""
    with (Path(__file__).parent / "corrections.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Correction(**line) for line in csv.DictReader(file))


def apply(layout: str, subject: str, name: str, cells: dict[str, Any]) -> list[str]:
    """Correct a row's cells in place where they hold the wrong value that is expected, and tell what was done."""
    done = []
    for each in known():
        if (each.dataset, each.clip) == (layout, f"{subject}/{name}") and text(cells.get(each.column)) == each.sheet:
            cells[each.column] = each.ours
            done.append(f"{each.column}: {each.sheet} in the sheet, {each.ours} is used: {each.why} ({each.source})")
    return done
