"""Label sheets as workbooks, with the traps of the real ones, and the row that a reader must get from every line."""

import datetime
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl

from deft.render.corpus import ClipPlan, parsed

Cells = dict[str, Any]  # column → cell
Truth = dict[str, Any]  # columns of the row that a reader must return
Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_WRITTEN = datetime.datetime(2014, 5, 8)  # a fixed date, so that the same corpus has the same bytes


class Roles(NamedTuple):
    """The names of a sheet's columns by their content; ``units`` is "" where a sheet has no such column."""

    subject: str
    name: str
    onset: str
    apex: str
    offset: str
    units: str
    emotion: str


class Trap(NamedTuple):
    """A trap of a real sheet in the cell of ``column``.

    ``spoil`` returns the cells that replace a row's own. ``truth`` returns what a reader must then read differently;
    None: it must reject the row because of that cell. ``message`` must be part of the row's note or of the reason.
    """

    column: str
    spoil: Change
    truth: Change | None
    message: str


class Expected(NamedTuple):
    """What a reader must return for the row at ``where`` (sheet and row); ``truth`` is None if it must reject it."""

    where: str
    truth: Truth | None
    column: str = ""
    message: str = ""


class Book(NamedTuple):
    """A workbook with a label sheet ``tab``: ``line`` returns a plan's cells, for every plan that it ``includes``.

    ``header`` says whether there is a row of column names, ``above`` are the rows before it; ``other_sheets`` are the
    rows of the workbook's other sheets by title.
    """

    file: str
    tab: str
    columns: Sequence[str | None]
    roles: Roles
    line: Callable[[ClipPlan, str], Cells]
    traps: Sequence[Trap] = ()
    header: bool = True
    above: Sequence[Sequence[Any]] = ()
    other_sheets: Mapping[str, Sequence[Sequence[Any]]] = {}
    includes: Callable[[ClipPlan], bool] = lambda _: True


def write(
    book: Book,
    words: Mapping[str, str],
    plans: Sequence[ClipPlan],
    root: Path,
    traps: bool,
    identify: Callable[[ClipPlan], tuple[str, str]],
) -> list[Expected]:
    """Write one label sheet under ``root``, with ``traps`` or without, and return the rows to expect from it.

    A trap that leaves a row readable is set in a plan's own row, as long as there are plans; one that does not, in a
    copy of the first row at the end of the sheet.
    """
    plans = sorted((plan for plan in plans if book.includes(plan)), key=identify)
    rows: list[tuple[Cells, Expected]] = []
    readable = [trap for trap in (*common_traps(book.roles), *book.traps) if trap.truth] if traps else []
    for number, plan in enumerate(plans):
        cells = book.line(plan, words[plan.emotion])
        truth = _truth(book.roles, cells, plan, words, identify)
        trap = readable[number] if number < len(readable) else None
        if trap and trap.truth:
            truth |= trap.truth(truth | cells)
            cells |= trap.spoil(cells)
        rows.append((cells, Expected("", truth, trap.column if trap else "", trap.message if trap else "")))
    if traps and plans:
        first = book.line(plans[0], words[plans[0].emotion])
        rows += [
            ({**first, **trap.spoil(first)}, Expected("", None, trap.column, trap.message))
            for trap in (*common_traps(book.roles), *book.traps)
            if trap.truth is None
        ]
    lines: list[Sequence[Any]] = [*book.above, *([book.columns] if book.header else [])]
    placed = []
    for cells, expected in rows:
        lines.append([cells.get(column) if column else None for column in book.columns])
        placed.append(expected._replace(where=f"{book.file}, {book.tab}, row {len(lines)}"))
    _save(root / book.file, {book.tab: lines, **book.other_sheets})
    return placed


def common_traps(roles: Roles) -> Iterator[Trap]:
    """Yield the traps that every sheet gets."""
    if roles.units:
        yield Trap(
            roles.units,
            lambda cells: {roles.units: f"{cells[roles.units]}  soft focus "},
            lambda truth: {},
            '"soft focus": no code',
        )
        yield Trap(roles.units, lambda cells: {roles.units: "?"}, lambda truth: {"units": []}, '"?": uncertain')
        yield Trap(
            roles.units,
            lambda cells: {roles.units: "(R6 or R12)，15"},
            lambda truth: {"units": [(6, "R"), (12, "R"), (15, None)]},
            "",
        )
    yield Trap(
        roles.apex,
        lambda cells: {roles.apex: "/"},
        lambda truth: {"apex": (truth["onset"] + truth["offset"]) // 2},
        "the sheet has none, the middle of onset and offset is used",
    )
    yield Trap(roles.onset, lambda cells: {roles.onset: "soon"}, None, 'found "soon", expected a frame number')
    yield Trap(
        roles.apex,
        lambda cells: {roles.apex: cells[roles.offset] + 9},
        None,
        "expected onset ≤ apex ≤ offset",
    )
    yield Trap(roles.emotion, lambda cells: {roles.emotion: None}, None, "found an empty cell")
    yield Trap(roles.name, lambda cells: {roles.name: "../../elsewhere"}, None, 'found "../../elsewhere"')
    yield Trap(roles.subject, lambda cells: {roles.subject: "/etc"}, None, 'found "/etc"')


def _truth(
    roles: Roles,
    cells: Cells,
    plan: ClipPlan,
    words: Mapping[str, str],
    identify: Callable[[ClipPlan], tuple[str, str]],
) -> Truth:
    subject, name = identify(plan)
    return {
        **{"subject": subject, "name": name, "emotion": words[plan.emotion].lower()},
        **{"onset": cells[roles.onset], "apex": cells[roles.apex], "offset": cells[roles.offset]},
        "units": [parsed(code) for code in str(plan.listed).split("+")] if roles.units else [],
    }


def _save(path: Path, tabs: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Write a workbook (sheet → rows); the file appears when complete."""
    book = openpyxl.Workbook()
    book.properties.created = _WRITTEN
    book.remove(book.worksheets[0])
    for title, lines in tabs.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(list(line))
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(_with_fixed_dates(book))
    os.replace(unfinished, path)


def _with_fixed_dates(book: openpyxl.Workbook) -> bytes:
    """Return a workbook's bytes with one fixed date in place of the times that openpyxl and zip record."""
    raw, packed = io.BytesIO(), io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                stamp = rb"\g<1>" + _WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", stamp, content)
            new.writestr(zipfile.ZipInfo(name, _WRITTEN.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
