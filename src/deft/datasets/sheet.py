"""Cells of label sheets: found by their header, read as what they must be, refused with sheet, row and column."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from deft.errors import DataError

Row = dict[str, Any]


class Rows(NamedTuple):
    """A sheet's body: ``cells`` are (row number as a spreadsheet counts, header → value)."""

    sheet: str
    cells: list[tuple[int, Row]]


def read_rows(path: Path, required: Sequence[str]) -> Rows:
    """The rows below the first line that holds every ``required`` header, in whichever worksheet it stands.

    Raises:
        DataError: the file is missing or no workbook, or no worksheet has such a line.

    """
    remedy = "put the dataset's own label sheet there"
    try:
        book = openpyxl.load_workbook(path, data_only=True)
    except FileNotFoundError:
        raise DataError(path, "no such file", "a label sheet", remedy) from None
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError) as error:
        raise DataError(path, f"no readable workbook ({error})", "an .xlsx label sheet", remedy) from None
    best: list[str] = []
    for sheet in book.worksheets:
        lines = list(sheet.iter_rows(values_only=True))
        for number, line in enumerate(lines):
            headers = [str(cell).strip() if cell is not None else "" for cell in line]
            if set(required) <= set(headers):
                return Rows(
                    sheet.title,
                    [
                        (below, dict(zip(headers, cells, strict=True)))
                        for below, cells in enumerate(lines[number + 1 :], number + 2)
                        if any(cell is not None for cell in cells)
                    ],
                )
            best = max(best, [h for h in headers if h in required], key=len)
    missing = [name for name in required if name not in best]
    raise DataError(path, f"no column {', '.join(missing)}", f"the columns {', '.join(required)}", remedy)


def whole(value: object, where: str) -> int:
    """A frame number.

    Raises:
        DataError: the cell holds none.

    """
    text = "" if value is None else str(value).strip()
    digits = text.removesuffix(".0")
    if digits.isascii() and digits.isdigit():
        return int(digits)
    raise DataError(where, f'"{text}"' if text else "an empty cell", "a frame number", "mend the sheet")
