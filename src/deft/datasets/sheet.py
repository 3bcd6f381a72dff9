"""Label sheets: the header is found, and bad rows are kept with sheet, row and column."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from deft.core import schemas, tables
from deft.core.errors import DataError
from deft.datasets import corrections as known_errors
from deft.datasets import workbook
from deft.datasets.line import REMEDY as REMEDY
from deft.datasets.line import Line as Line
from deft.facs import emotions


class Body(NamedTuple):
    """A sheet's rows below its header."""

    path: Path
    title: str
    lines: list[Line]


def find(path: Path, columns: Sequence[str], optional: Sequence[str] = (), tab: str | None = None) -> Body:
    """Return the rows below the first row that holds all ``columns``, in the sheet ``tab``, else in any.

    Every sheet is searched if ``tab`` is None or the workbook has no such sheet. Case and blanks in a header do not
    matter. Empty rows are left out.

    Raises:
        DataError: the file is no workbook, no row has these columns or one has them twice, data stands above it, or
            two sheets have them.

    """
    book = workbook.sheets(path)
    titles = [tab] if tab in book else list(book)
    bodies = [body for title in titles if (body := _below_header(path, title, book[title], columns, optional))]
    filled = [body for body in bodies if body.lines]
    if len(filled) > 1:
        names = " and ".join(body.title for body in filled)
        raise DataError(path, f"rows in the sheets {names}", "rows in one sheet", REMEDY)
    if not bodies:
        headers = {_normalised(cell) for lines in book.values() for line in lines for cell in line}
        lacking = [column for column in columns if _normalised(column) not in headers]
        reason = f"no column {', '.join(lacking)}" if lacking else "no row with all columns"
        raise DataError(path, reason, f"the columns {', '.join(columns)}", workbook.RIGHT_SHEET)
    return (filled or bodies)[0]


def _below_header(
    path: Path, title: str, lines: Sequence[workbook.Cells], columns: Sequence[str], optional: Sequence[str]
) -> Body | None:
    """Return the rows below the header of one sheet, or None if it has no such header."""
    for number, line in enumerate(lines, 1):
        headers = [_normalised(cell) for cell in line]
        if not {_normalised(column) for column in columns} <= set(headers):
            continue
        where = f"{_place(path, title)}, row {number}"
        twice = [column for column in (*columns, *optional) if headers.count(_normalised(column)) > 1]
        if twice:
            raise DataError(where, f"two columns {twice[0]}", "each column once", workbook.RIGHT_SHEET)
        if any(2 * sum(cell is not None for cell in above) > len(columns) for above in lines[: number - 1]):
            raise DataError(where, "the header below rows of data", "the header above them", REMEDY)
        names = {_normalised(column): column for column in (*columns, *optional)}
        keys = [names.get(header, str(cell).strip()) for header, cell in zip(headers, line, strict=True)]
        return body(path, title, keys, lines[number:], number + 1)
    return None


def body(path: Path, title: str, columns: Sequence[str], lines: Iterable[workbook.Cells], first: int) -> Body:
    """Return rows of cells under these ``columns``, the first of which is row ``first``; empty ones are left out."""
    filled = [
        Line(f"{_place(path, title)}, row {number}", number, dict(zip(columns, line, strict=False)))
        for number, line in enumerate(lines, first)
        if any(cell is not None and str(cell).strip() for cell in line)
    ]
    return Body(path, title, filled)


def table(
    layout: str,
    sheet: Body,
    identify: Callable[[Line], tuple[str, str]],
    labels: Callable[[Line, str, str], tables.Row],
    correct: bool,
) -> pa.Table:
    """Return the sheet as a table (`deft.core.schemas.SHEET`), one row per line.

    ``identify`` returns a line's subject and name, ``labels`` at least onset, apex, offset, emotion and aus. Where it
    gives none, kind is "micro", and coarse, classes and objective follow from emotion and units. A line for which
    either raises DataError keeps its place, with the reason in ``rejected``. If ``correct``, the known errors of
    ``layout`` are corrected before ``labels`` reads the line.

    Raises:
        DataError: there is no line, or none can be identified: the sheet is another dataset's.

    """
    if not sheet.lines:
        raise DataError(sheet.path, "no rows", "one row per clip", workbook.RIGHT_SHEET)
    rows, unidentified = [], list[DataError]()
    for line in sheet.lines:
        row: tables.Row = {"row": line.row, "subject": "", "name": "", "rejected": None, "corrected": []}
        try:
            row["subject"], row["name"] = identify(line)
        except DataError as error:
            unidentified.append(error)
            rows.append(row | {"rejected": str(error)})
            continue
        try:
            if correct:
                row["corrected"] = known_errors.apply(layout, row["subject"], row["name"], line.cells)
            given = labels(line, row["subject"], row["name"])
            emotion: str | None = given["emotion"]
            defaults = {"kind": "micro", "coarse": emotion and emotions.coarse(emotion)}
            row |= defaults | {"classes": emotions.classes(emotion)} | given
            if "objective" not in row:
                row["objective"] = line.objective(None, row["aus"])
            row["aus"] = [code._asdict() for code in row["aus"]]
        except DataError as error:
            row["rejected"] = str(error)
        rows.append(row | {"note": "; ".join([*row["corrected"], *line.notes])})
    if len(unidentified) == len(sheet.lines):
        first = unidentified[0]
        remedy = f"this is another dataset's sheet: {workbook.RIGHT_SHEET}"
        raise DataError(first.where, first.found, first.expected, remedy)
    return pa.Table.from_pylist(rows, schema=schemas.SHEET)


def _normalised(cell: object) -> str:
    """Return a header for comparison: without case and surplus blanks."""
    return " ".join(str(cell).split()).casefold() if cell is not None else ""


def _place(path: Path, title: str) -> str:
    return f"{path.name}, {title}" if title else path.name
