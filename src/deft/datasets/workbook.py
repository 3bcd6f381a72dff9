"""Workbooks (.xlsx, .xls or .csv) as rows of cells."""

import csv
import io
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from deft.core.errors import DataError

Cells = list[Any]

RIGHT_SHEET = "put the dataset's own label sheet there"  # the remedy for a sheet that is another's or unreadable
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # of .xls, and of every password-protected workbook
_LARGEST = 10**9  # below this, a float without a fraction is taken for an integer


def sheets(path: Path) -> dict[str, list[Cells]]:
    """Return a workbook's sheets (.xlsx, .xls or .csv): name → rows of cells.

    A formula is its last value, an empty cell None.

    Raises:
        DataError: the file is missing, no workbook, truncated or password-protected.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise DataError(path, reason, "a label sheet", RIGHT_SHEET) from None
    if path.suffix.lower() == ".csv":
        return {"": _comma_separated(path, content)}
    if content.startswith(_OLE) and "EncryptedPackage".encode("utf-16-le") in content:
        raise DataError(path, "a password-protected workbook", "a readable one", "save it without a password")
    old = content.startswith(_OLE)
    kind: dict[str, Any] = {"engine": "xlrd", "engine_kwargs": {"logfile": io.StringIO()}} if old else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which hold no data
            book = pd.read_excel(
                io.BytesIO(content), sheet_name=None, header=None, dtype=object, na_filter=False, **kind
            )
    except Exception as error:  # a broken file makes its reader raise whatever it likes
        reason = f"no readable workbook ({type(error).__name__}: {error})"
        raise DataError(path, reason, "an .xlsx or .xls label sheet", RIGHT_SHEET) from None
    return {
        str(title): [[None if cell == "" else cell for cell in line] for line in frame.to_numpy(object).tolist()]
        for title, frame in book.items()
    }


def text(cell: object) -> str:
    """Return a cell as text without surrounding blanks: a whole number without a fraction, ``""`` if it is empty."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _LARGEST:
        cell = int(cell)
    return "" if cell is None or (isinstance(cell, float) and cell != cell) else str(cell).strip()


def _comma_separated(path: Path, content: bytes) -> list[Cells]:
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        reason = f"no readable table ({error})"
        raise DataError(path, reason, "comma-separated values in UTF-8", RIGHT_SHEET) from None
    return [[cell or None for cell in line] for line in lines]
