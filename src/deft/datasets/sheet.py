"""Label sheets: the header is found, cells are checked and converted, bad rows are kept with sheet, row and column."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from deft.core import schemas, tables
from deft.core.errors import DataError
from deft.datasets import corrections as known_errors
from deft.datasets import workbook
from deft.facs import codes, emotions

REMEDY = "correct the sheet"
_NO_FRAME = ("", "/", "\\", "-", "-1", "-1.0")  # what coders write where there is no such frame
_ROMAN = {name: number for number, name in enumerate(emotions.LABELS["objective"], 1)}
_LARGEST = 10**9  # of a number
_NOT_FACIAL = frozenset(range(50, 99))  # units of speech, head, eyes, visibility: no part of an objective class


class Line:
    """A row of a sheet. Its methods convert a cell, or raise DataError with sheet, row and column.

    What they substitute or leave unread is appended to ``notes``.
    """

    def __init__(self, where: str, row: int, cells: dict[str, Any]) -> None:
        self.where, self.row, self.cells = where, row, cells
        self.notes: list[str] = []

    def text(self, column: str) -> str:
        """Return a cell as text (`deft.datasets.workbook.text`)."""
        return workbook.text(self.cells.get(column))

    def error(self, column: str, expected: str) -> DataError:
        """Return the error that says what a cell holds and what was expected."""
        cell = f'"{text}"' if (text := self.text(column)) else "an empty cell"
        return DataError(f"{self.where}, {column}", cell, expected, REMEDY)

    def name(self, column: str, pattern: str, example: str) -> str:
        """Return a cell that names a subject or a clip, or its first group in ``pattern``, which must match all of it.

        No pattern matches a path separator, so that no folder with such a name lies outside the dataset's.
        """
        match = re.fullmatch(pattern, self.text(column), re.ASCII | re.IGNORECASE)
        if not match:
            raise self.error(column, f"a name like {example}")
        return match[1] if match.re.groups else match[0]

    def word(self, column: str, words: Iterable[str]) -> str:
        """Return a cell that is one of ``words``, in lower case; its own case does not matter."""
        word = self.text(column).lower()
        if word not in words:
            raise self.error(column, f"one of {', '.join(words)}")
        return word

    def frame(self, column: str, rounded: bool = False) -> int:
        """Return a frame number. With ``rounded``, a fraction becomes the nearest integer, with a note."""
        text = self.text(column)
        value = int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
        if value is None and rounded and re.fullmatch(r"\d{1,9}\.\d+", text, re.ASCII):
            value = round(float(text))
            self.notes.append(f"{column}: {text} in the sheet, {value} is used")
        if value is None:
            raise self.error(column, "a frame number")
        return value

    def interval(self, onset: str, apex: str, offset: str, rounded: bool = False, missing: str = "") -> tables.Row:
        """Return onset, apex and offset, as frame numbers, from the columns of these names.

        A missing apex becomes the middle of onset and offset, a missing offset the apex, each with a note. ``missing``
        is the text that this dataset has for a missing apex or offset; for an apex the usual signs count as well.
        """
        start = self.frame(onset, rounded)
        peak = None if self.text(apex) in (*_NO_FRAME, missing) else self.frame(apex, rounded)
        if missing and peak is not None and self.text(offset) == missing:
            self.notes.append(f"{offset}: the sheet has none, the apex is used")
            end = peak
        else:
            end = self.frame(offset, rounded)
        if peak is None:
            peak = (start + end) // 2
            self.notes.append(f"{apex}: the sheet has none, the middle of onset and offset is used")
        if not start <= peak <= end:
            where = f"{self.where}, {apex if start <= end else offset}"
            raise DataError(where, f"onset {start}, apex {peak}, offset {end}", "onset ≤ apex ≤ offset", REMEDY)
        return {"onset": start, "apex": peak, "offset": end}

    def positive_number(self, column: str) -> float:
        """Return a number above zero."""
        try:
            value = float(self.text(column))
        except ValueError:
            value = 0.0
        if not 0 < value < _LARGEST:
            raise self.error(column, "a number above zero")
        return value

    def note_remark(self, column: str) -> None:
        """Append a cell of remarks to the notes."""
        if text := self.text(column):
            self.notes.append(f"{column}: {' '.join(text.split())}")

    def units(self, column: str) -> list[codes.Code]:
        """Return a cell's Action Units; what is not a code is noted with the reason."""
        parsed = codes.read(self.cells.get(column))
        if parsed.note:
            self.notes.append(f"{column}: {parsed.note}")
        return parsed.codes

    def objective(self, column: str | None, units: Sequence[codes.Code]) -> int | None:
        """Return the objective class 1–7 from a cell (1–7 or I–VII), or from ``units`` if there is no such column."""
        if column is None or column not in self.cells:
            return self._objective_of(units)
        text = self.text(column).upper()
        if text in _ROMAN or text in set(map(str, _ROMAN.values())):
            return _ROMAN.get(text) or int(text)
        raise self.error(column, "1 to 7, or I to VII")

    def _objective_of(self, units: Sequence[codes.Code]) -> int | None:
        if any(code.alternative for code in units):
            self.notes.append("objective class: none, the units leave a choice")
            return None
        moving = {code.unit for code in units if not (code.static or code.referenced)} - _NOT_FACIAL
        if not moving:
            return None
        self.notes.append(f"objective class {emotions.objective(moving)}: from the units, the sheet has none")
        return emotions.objective(moving)


class Body(NamedTuple):
    """A sheet's rows below its header."""

    path: Path
    title: str
    lines: list[Line]


def find(path: Path, columns: Sequence[str], optional: Sequence[str] = (), tab: str | None = None) -> Body:
    """Return the rows below the first row that holds all ``columns``, in the sheet ``tab`` or, without it, in any.

    Case and blanks in a header do not matter, nor in that of ``optional`` columns. Empty rows are left out.

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
        where = f"{path.name}, {title}, row {number}"
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
    where = f"{path.name}, {title}" if title else path.name
    filled = [
        Line(f"{where}, row {number}", number, dict(zip(columns, line, strict=False)))
        for number, line in enumerate(lines, first)
        if any(cell is not None and str(cell).strip() for cell in line)
    ]
    return Body(path, title, filled)


def table(
    layout: str,
    sheet: Body,
    identify: Callable[[Line], tuple[str, str]],
    labels: Callable[[Line, str, str], tables.Row],
    corrections: bool,
) -> pa.Table:
    """Return the sheet as a table (`deft.core.schemas.SHEET`), one row per line.

    ``identify`` returns a line's subject and name, ``labels`` the other columns; a line for which either raises
    DataError keeps its place, with the reason in ``rejected``. ``corrections`` applies those known for ``layout``.

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
            if corrections:
                row["corrected"] = known_errors.apply(layout, row["subject"], row["name"], line.cells)
            row |= {"kind": "micro"} | labels(line, row["subject"], row["name"])
            emotion: str | None = row["emotion"]
            row = dict[str, Any](coarse=emotion and emotions.coarse(emotion), classes=emotions.classes(emotion)) | row
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
