"""Checkups of datasets as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from deft.core.errors import DataError
from deft.datasets.checkup import COMPOSITE, Checkup

SHOWN = 20  # rows of a list; the rest is in the index's report
_NUMBERS = ("clips", "subjects", "MEGC 2019", "found", "expected")
_WELL, _ILL = Text("✓", style="green"), Text("✗", style="red")


def overview(found: Mapping[str, Checkup | DataError], missing: Sequence[str]) -> Group:
    """A line a dataset that is there, why others cannot be read, and where to read how to get those ``missing``."""
    table = _table("dataset", "clips", "subjects", "MEGC 2019", "rejected", "corrected", "whole", wrapped=False)
    faults = []
    for name, each in found.items():
        if isinstance(each, DataError):
            faults.append(Text.assemble(_ILL, f" {name}: {each}"))
            continue
        rows, subjects = each.checks[:2]
        composite = next(check for check in each.checks if check.what == COMPOSITE)
        table.add_row(
            Text(name),
            _of(len(each.indexed.clips), rows.expected),
            _of(subjects.found, subjects.expected),
            _of(composite.found, composite.expected),
            str(len(each.indexed.rejected) or ""),
            str(len(each.indexed.corrected) or ""),
            _WELL if each.passed else _ILL,
        )
    told = [Text(), Text("`deft doctor DATASET` lists what is missing and every row that cannot be used.")]
    page = Text(f"Not there: {', '.join(missing)}. docs/datasets/ has a page on each: where to ask, where to put it.")
    return Group(*([table] if table.rows else []), *faults, *(told if found else []), *([page] if missing else []))


def details(name: str, found: Checkup, report: str) -> Group:
    """Every count of a dataset, and every row that was rejected or corrected, with the reason.

    ``report`` is where the whole list will stand.
    """
    counts = _table("", "found", "expected", "")
    for check in found.checks:
        expected = "" if check.expected is None else str(check.expected)
        counts.add_row(
            Text(check.what), str(check.found), expected, "" if not expected else _WELL if check.passed else _ILL
        )
    parts: list[Text | Table] = [
        Text(f"{name}: {found.title}, {', '.join(found.indexed.sheets)}", style="bold"),
        counts,
    ]
    rejected = [
        (key.split(", ")[-1].removesuffix("//"), *reason.split(": ", 1))
        for key, reason in found.indexed.rejected.items()
    ]
    corrected = [(clip, what) for clip, each in found.indexed.corrected.items() for what in each]
    for table, rows in (
        (_table("rejected", "where", "why"), rejected),
        (_table("corrected", "what, why and who says so"), corrected),
    ):
        for row in rows[:SHOWN]:
            table.add_row(*map(Text, row))
        if rows[SHOWN:]:
            table.add_row(f"and {len(rows) - SHOWN} more", f"in {report}, once `dvc repro index` has run")
        parts += [Text(), table] if rows else []
    return Group(*parts)


def show(content: Group) -> None:
    """Print it, as wide as the terminal is."""
    Console(highlight=False).print(content)


def _of(count: int, expected: int | None) -> str:
    return str(count) if expected in (None, count) else f"{count} of {expected}"


def _table(*columns: str, wrapped: bool = True) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in _NUMBERS else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=not wrapped)
    return table
