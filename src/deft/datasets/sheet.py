"""Label sheets: the header found, cells read as what they must be, bad rows kept with sheet, row and column."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from deft.core import schemas, tables
from deft.core.errors import DataError
from deft.datasets import corrections as known
from deft.datasets import workbook
from deft.facs import codes, emotions

MEND = "mend the sheet"
_NOWHERE = ("", "/", "\\", "-", "-1", "-1.0")  # what coders write where there is no such frame
_ROMAN = {name: number for number, name in enumerate(emotions.LABELS["objective"], 1)}
_LARGEST = 10**9  # of a frame number
_NO_FACE = frozenset(range(50, 99))  # speech, head, eyes, visibility, gross behaviour: no part of an objective class


class Line:
    """A row of a sheet. Reading a cell raises `DataError` with sheet, row and column; what is substituted is noted."""

    def __init__(self, where: str, row: int, cells: dict[str, Any]) -> None:
        self.where, self.row, self.cells = where, row, cells
        self.notes: list[str] = []

    def shown(self, column: str) -> str:
        """A cell as `deft.datasets.workbook.text` has it."""
        return workbook.text(self.cells.get(column))

    def refuse(self, column: str, expected: str) -> DataError:
        """What is wrong with a cell."""
        found = f'"{shown}"' if (shown := self.shown(column)) else "an empty cell"
        return DataError(f"{self.where}, {column}", found, expected, MEND)

    def name(self, column: str, pattern: str, example: str) -> str:
        """A cell that names a subject or a clip and must match all of ``pattern``; its first group, where it has one.

        So it never holds a separator of paths, and no folder named by it lies outside the dataset's.
        """
        match = re.fullmatch(pattern, self.shown(column), re.ASCII | re.IGNORECASE)
        if not match:
            raise self.refuse(column, f"a name like {example}")
        return match[1] if match.re.groups else match[0]

    def among(self, column: str, words: Iterable[str]) -> str:
        """A cell that is one of these words, in whatever case, in small letters."""
        word = self.shown(column).lower()
        if word not in words:
            raise self.refuse(column, f"one of {', '.join(words)}")
        return word

    def frame(self, column: str, rounded: bool = False) -> int:
        """A frame number; with ``rounded``, a fraction goes to the nearest, and the note says so."""
        shown = self.shown(column)
        value = int(shown) if re.fullmatch(r"\d{1,9}", shown, re.ASCII) else None
        if value is None and rounded and re.fullmatch(r"\d{1,9}\.\d+", shown, re.ASCII):
            value = round(float(shown))
            self.notes.append(f"{column}: {shown} in the sheet, {value} is used")
        if value is None:
            raise self.refuse(column, "a frame number")
        return value

    def interval(self, onset: str, apex: str, offset: str, rounded: bool = False, none: str = "") -> tables.Row:
        """Onset, apex and offset from their columns.

        Without an apex the middle of onset and offset is used, and without an offset the apex; the note says so.
        ``none`` is what this dataset writes for either, besides the usual signs.
        """
        start = self.frame(onset, rounded)
        peak = None if self.shown(apex) in (*_NOWHERE, none) else self.frame(apex, rounded)
        if none and peak is not None and self.shown(offset) == none:
            self.notes.append(f"{offset}: the sheet has none, the apex is used")
            end = peak
        else:
            end = self.frame(offset, rounded)
        if peak is None:
            peak = (start + end) // 2
            self.notes.append(f"{apex}: the sheet has none, the middle of onset and offset is used")
        if not start <= peak <= end:
            found = f"onset {start}, apex {peak}, offset {end}"
            raise DataError(f"{self.where}, {apex if start <= end else offset}", found, "onset ≤ apex ≤ offset", MEND)
        return {"onset": start, "apex": peak, "offset": end}

    def number(self, column: str) -> float:
        """A cell above zero."""
        try:
            value = float(self.shown(column))
        except ValueError:
            value = 0.0
        if not 0 < value < _LARGEST:
            raise self.refuse(column, "a number above zero")
        return value

    def remark(self, column: str) -> None:
        """Take a cell of remarks into the note."""
        if shown := self.shown(column):
            self.notes.append(f"{column}: {' '.join(shown.split())}")

    def units(self, column: str) -> list[codes.Code]:
        """Action Units of a cell; what is no code goes into the note with its reason."""
        found = codes.read(self.cells.get(column))
        if found.note:
            self.notes.append(f"{column}: {found.note}")
        return found.codes

    def objective(self, column: str | None, units: Sequence[codes.Code]) -> int | None:
        """The objective class 1–7, written so or as I–VII; where the sheet has no such column that of the units."""
        if column is None or column not in self.cells:
            moving = {code.unit for code in units if code.unit not in _NO_FACE and not (code.static or code.referenced)}
            if any(code.alternative for code in units):
                self.notes.append("objective class: none, the units leave a choice")
                return None
            if moving:
                self.notes.append(f"objective class {emotions.objective(moving)}: from the units, the sheet has none")
            return emotions.objective(moving) if moving else None
        shown = self.shown(column).upper()
        if shown in _ROMAN or shown in set(map(str, _ROMAN.values())):
            return _ROMAN.get(shown) or int(shown)
        raise self.refuse(column, "1 to 7, or I to VII")


class Body(NamedTuple):
    """A sheet's lines below its header."""

    path: Path
    title: str
    lines: list[Line]


def find(path: Path, columns: Sequence[str], optional: Sequence[str] = (), tab: str | None = None) -> Body:
    """The rows below the first line that holds every one of ``columns``, in the sheet ``tab`` or else in whichever.

    Case and width of blanks in a header do not matter, nor in that of ``optional`` columns. Empty rows are left out.

    Raises:
        DataError: the file is no workbook, no line has these columns or one has them twice, rows stand above it, or
            two sheets have them.

    """
    book = workbook.sheets(path)
    found = [
        each
        for title in ([tab] if tab in book else book)
        if (each := _below(path, title, book[title], columns, optional))
    ]
    full = [each for each in found if each.lines]
    if len(full) > 1:
        titles = " and ".join(each.title for each in full)
        raise DataError(path, f"rows in the sheets {titles}", "them in one", MEND)
    if not found:
        headers = {_header(cell) for lines in book.values() for line in lines for cell in line}
        lacking = [column for column in columns if _header(column) not in headers]
        reason = f"no column {', '.join(lacking)}" if lacking else "no line of all columns"
        raise DataError(path, reason, f"the columns {', '.join(columns)}", workbook.OWN)
    return (full or found)[0]


def _below(
    path: Path, title: str, lines: Sequence[workbook.Cells], columns: Sequence[str], optional: Sequence[str]
) -> Body | None:
    """What stands below the header of one sheet; None: it has no such line."""
    for number, line in enumerate(lines, 1):
        headers = [_header(cell) for cell in line]
        if not {_header(column) for column in columns} <= set(headers):
            continue
        where = f"{path.name}, {title}, row {number}"
        twice = [column for column in (*columns, *optional) if headers.count(_header(column)) > 1]
        if twice:
            raise DataError(where, f"two columns {twice[0]}", "each column once", workbook.OWN)
        if any(2 * sum(cell is not None for cell in above) > len(columns) for above in lines[: number - 1]):
            raise DataError(where, "the header below rows of data", "it above them", MEND)
        names = {_header(column): column for column in (*columns, *optional)}
        keys = [names.get(header, str(cell).strip()) for header, cell in zip(headers, line, strict=True)]
        return body(path, title, keys, lines[number:], number + 1)
    return None


def body(path: Path, title: str, columns: Sequence[str], lines: Iterable[workbook.Cells], first: int) -> Body:
    """Lines under these columns, of which the first is row ``first``; empty ones are left out."""
    where = f"{path.name}, {title}" if title else path.name
    found = [
        Line(f"{where}, row {number}", number, dict(zip(columns, line, strict=False)))
        for number, line in enumerate(lines, first)
        if any(cell is not None and str(cell).strip() for cell in line)
    ]
    return Body(path, title, found)


def table(
    layout: str,
    found: Body,
    who: Callable[[Line], tuple[str, str]],
    read: Callable[[Line, str, str], tables.Row],
    corrections: bool,
) -> pa.Table:
    """The sheet as a table (`deft.core.schemas.SHEET`), a row a line.

    ``who`` reads a line's subject and name, ``read`` the rest; a line that either refuses keeps its place, with the
    reason in ``rejected``. ``corrections`` applies those that are known of this ``layout``.

    Raises:
        DataError: there is no line, or none names a clip of this dataset: the sheet is another's.

    """
    if not found.lines:
        raise DataError(found.path, "no rows", "a row a clip", workbook.OWN)
    rows, strangers = [], list[DataError]()
    for line in found.lines:
        row: tables.Row = {"row": line.row, "subject": "", "name": "", "rejected": None, "corrected": []}
        try:
            row["subject"], row["name"] = who(line)
        except DataError as error:
            strangers.append(error)
            rows.append(row | {"rejected": str(error)})
            continue
        try:
            if corrections:
                row["corrected"] = known.apply(layout, row["subject"], row["name"], line.cells)
            row |= {"kind": "micro"} | read(line, row["subject"], row["name"])
            word: str | None = row["emotion"]
            row = dict[str, Any](coarse=word and emotions.coarse(word), classes=emotions.classes(word)) | row
            if "objective" not in row:
                row["objective"] = line.objective(None, row["aus"])
            row["aus"] = [code._asdict() for code in row["aus"]]
        except DataError as error:
            row["rejected"] = str(error)
        rows.append(row | {"note": "; ".join([*row["corrected"], *line.notes])})
    if strangers and len(strangers) == len(found.lines):
        first = strangers[0]
        raise DataError(first.where, first.found, first.expected, f"this is another dataset's sheet: {workbook.OWN}")
    return pa.Table.from_pylist(rows, schema=schemas.SHEET)


def _header(cell: object) -> str:
    return " ".join(str(cell).split()).casefold() if cell is not None else ""
