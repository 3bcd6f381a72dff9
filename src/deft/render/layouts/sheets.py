"""Label sheets as workbooks, with the traps of the real ones, and what a reader must make of every row."""

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
Truth = dict[str, Any]  # what a reader must find: a row's fields
Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_WRITTEN = datetime.datetime(2014, 5, 8)  # a fixed date, so that the same corpus has the same bytes


class Roles(NamedTuple):
    """Columns by what stands in them; ``units`` is "" where a sheet has none."""

    subject: str
    name: str
    onset: str
    apex: str
    offset: str
    units: str
    emotion: str


class Trap(NamedTuple):
    """A trap of a real sheet: ``spoil`` says what stands in a row's cells instead.

    ``truth`` says what a reader must then find instead; None: it must reject the row, for the cell in ``column``.
    ``said`` must stand in its note or its reason.
    """

    column: str
    spoil: Change
    truth: Change | None
    said: str


class Expected(NamedTuple):
    """What a reader must make of a row: ``where`` is its sheet and row, ``truth`` its fields (see `Trap`)."""

    where: str
    truth: Truth | None
    column: str = ""
    said: str = ""


class Book(NamedTuple):
    """A label sheet: ``line`` gives a plan's cells, ``takes`` tells whether the plan is in it.

    ``header`` tells whether it has a line of columns, ``above`` are the lines before that, ``beside`` the workbook's
    other sheets, by title.
    """

    file: str
    tab: str
    columns: Sequence[str | None]
    roles: Roles
    line: Callable[[ClipPlan, str], Cells]
    traps: Sequence[Trap] = ()
    header: bool = True
    above: Sequence[Sequence[Any]] = ()
    beside: Mapping[str, Sequence[Sequence[Any]]] = {}
    takes: Callable[[ClipPlan], bool] = lambda _: True


def write(
    book: Book,
    words: Mapping[str, str],
    plans: Sequence[ClipPlan],
    root: Path,
    traps: bool,
    who: Callable[[ClipPlan], tuple[str, str]],
) -> list[Expected]:
    """Write one label sheet under ``root``, with ``traps`` or without.

    A trap after which the row can still be read is laid in a plan's own row, as far as there are plans; one after which
    it cannot, in a copy of the first row at the end.
    """
    plans = sorted((plan for plan in plans if book.takes(plan)), key=who)
    rows: list[tuple[Cells, Expected]] = []
    lawful = [trap for trap in (*common(book.roles), *book.traps) if trap.truth] if traps else []
    for number, plan in enumerate(plans):
        cells = book.line(plan, words[plan.emotion])
        truth = _truth(book.roles, cells, plan, words, who)
        trap = lawful[number] if number < len(lawful) else None
        if trap and trap.truth:
            truth |= trap.truth(truth | cells)
            cells |= trap.spoil(cells)
        rows.append((cells, Expected("", truth, trap.column if trap else "", trap.said if trap else "")))
    if traps and plans:
        first = book.line(plans[0], words[plans[0].emotion])
        rows += [
            ({**first, **trap.spoil(first)}, Expected("", None, trap.column, trap.said))
            for trap in (*common(book.roles), *book.traps)
            if trap.truth is None
        ]
    lines: list[Sequence[Any]] = [*book.above, *([book.columns] if book.header else [])]
    found = []
    for cells, expected in rows:
        lines.append([cells.get(column) if column else None for column in book.columns])
        found.append(expected._replace(where=f"{book.file}, {book.tab}, row {len(lines)}"))
    _save(root / book.file, {book.tab: lines, **book.beside})
    return found


def common(roles: Roles) -> Iterator[Trap]:
    """Traps of every sheet."""
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
    who: Callable[[ClipPlan], tuple[str, str]],
) -> Truth:
    subject, name = who(plan)
    return {
        **{"subject": subject, "name": name, "emotion": words[plan.emotion].lower()},
        **{"onset": cells[roles.onset], "apex": cells[roles.apex], "offset": cells[roles.offset]},
        "units": [parsed(code) for code in str(plan.listed).split("+")] if roles.units else [],
    }


def _save(path: Path, tabs: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Write a workbook, whole or not at all."""
    book = openpyxl.Workbook()
    book.properties.created = _WRITTEN
    book.remove(book.worksheets[0])
    for title, lines in tabs.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(list(line))
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(_undated(book))
    os.replace(unfinished, path)


def _undated(book: openpyxl.Workbook) -> bytes:
    """Pack a workbook with one fixed date: openpyxl notes the time of writing, and so does the zip for every entry."""
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
