"""Workbooks as lines of cells: .xlsx, .xls or .csv."""

import csv
import io
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from deft.core.errors import DataError

Cells = list[Any]

OWN = "put the dataset's own label sheet there"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and every workbook under a password
_LARGEST = 10**9  # of a number that a spreadsheet may have made a fraction of


def sheets(path: Path) -> dict[str, list[Cells]]:
    """A workbook's sheets (.xlsx, .xls or .csv), name → lines of cells; formulas are their last values, None is empty.

    Raises:
        DataError: the file is missing, no workbook, cut short or locked by a password.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise DataError(path, found, "a label sheet", OWN) from None
    if path.suffix.lower() == ".csv":
        return {"": _comma_separated(path, content)}
    if content.startswith(_OLE) and "EncryptedPackage".encode("utf-16-le") in content:
        raise DataError(path, "a workbook under a password", "a readable one", "open it and save it without")
    old = content.startswith(_OLE)
    kind: dict[str, Any] = {"engine": "xlrd", "engine_kwargs": {"logfile": io.StringIO()}} if old else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that hold no data
            book = pd.read_excel(
                io.BytesIO(content), sheet_name=None, header=None, dtype=object, na_filter=False, **kind
            )
    except Exception as error:  # a broken file makes its reader raise whatever it likes
        reason = f"no readable workbook ({type(error).__name__}: {error})"
        raise DataError(path, reason, "an .xlsx or .xls label sheet", OWN) from None
    return {
        str(title): [[None if cell == "" else cell for cell in line] for line in frame.to_numpy(object).tolist()]
        for title, frame in book.items()
    }


def text(cell: object) -> str:
    """A cell without blanks at its ends, a whole number without a fraction; ``""`` for an empty one."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _LARGEST:
        cell = int(cell)
    return "" if cell is None or (isinstance(cell, float) and cell != cell) else str(cell).strip()


def _comma_separated(path: Path, content: bytes) -> list[Cells]:
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"no readable table ({error})", "comma-separated values in UTF-8", OWN) from None
    return [[cell or None for cell in line] for line in lines]
