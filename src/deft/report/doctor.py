"""Print checkups of datasets as tables in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from deft.core.errors import DataError
from deft.datasets.checkup import COMPOSITE, Checkup

SHOWN = 20  # rows per list; the others are in the report of the index
_NUMBERS = ("clips", "subjects", "MEGC 2019", "found", "expected")
_PASSED, _FAILED = Text("✓", style="green"), Text("✗", style="red")


def overview(checkups: Mapping[str, Checkup | DataError], missing: Sequence[str]) -> Group:
    """Return one line per dataset, the errors of those that cannot be read, and the names of those ``missing``."""
    table = _table("dataset", "clips", "subjects", "MEGC 2019", "rejected", "corrected", "whole", wrapped=False)
    errors = []
    for name, checkup in checkups.items():
        if isinstance(checkup, DataError):
            errors.append(Text.assemble(_FAILED, f" {name}: {checkup}"))
            continue
        rows, subjects = checkup.checks[:2]
        composite = next(check for check in checkup.checks if check.what == COMPOSITE)
        table.add_row(
            Text(name),
            _of(len(checkup.indexed.clips), rows.expected),
            _of(subjects.found, subjects.expected),
            _of(composite.found, composite.expected),
            str(len(checkup.indexed.rejected) or ""),
            str(len(checkup.indexed.corrected) or ""),
            _PASSED if checkup.passed else _FAILED,
        )
    parts: list[Text | Table] = [table] if table.rows else []
    parts += errors
    if checkups:
        hint = "`deft doctor DATASET` lists what is missing and every row that cannot be used."
        parts += [Text(), Text(hint)]
    if missing:
        names = ", ".join(missing)
        hint = f"Not there: {names}. docs/datasets/ has a page on each: how to get it and where to put it."
        parts.append(Text(hint))
    return Group(*parts)


def details(name: str, checkup: Checkup, report: str) -> Group:
    """Return every count of a dataset, and every rejected or corrected row with the reason.

    ``report`` is the path of the report that will hold the complete lists.
    """
    counts = _table("", "found", "expected", "")
    for check in checkup.checks:
        if check.expected is None:
            counts.add_row(Text(check.what), str(check.found), "", "")
        else:
            mark = _PASSED if check.passed else _FAILED
            counts.add_row(Text(check.what), str(check.found), str(check.expected), mark)
    parts: list[Text | Table] = [
        Text(f"{name}: {checkup.title}, {', '.join(checkup.indexed.sheets)}", style="bold"),
        counts,
    ]
    rejected = [
        (key.split(", ")[-1].removesuffix("//"), *reason.split(": ", 1))
        for key, reason in checkup.indexed.rejected.items()
    ]
    corrected = [(clip, change) for clip, changes in checkup.indexed.corrected.items() for change in changes]
    for table, rows in (
        (_table("rejected", "where", "why"), rejected),
        (_table("corrected", "what, why and who says so"), corrected),
    ):
        if not rows:
            continue
        for row in rows[:SHOWN]:
            table.add_row(*map(Text, row))
        if rows[SHOWN:]:
            table.add_row(f"and {len(rows) - SHOWN} more", f"in {report}, once `dvc repro index` has run")
        parts += [Text(), table]
    return Group(*parts)


def show(content: Group) -> None:
    """Print tables in the width of the terminal."""
    Console(highlight=False).print(content)


def _of(count: int, expected: int | None) -> str:
    return str(count) if expected in (None, count) else f"{count} of {expected}"


def _table(*columns: str, wrapped: bool = True) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in _NUMBERS else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=not wrapped)
    return table
