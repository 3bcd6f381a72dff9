"""Readers of datasets as they come: one module a format, each a `Reader`."""

from pathlib import Path
from typing import Protocol

import pyarrow as pa

FORMATS = ("casme2",)


class Reader(Protocol):
    """What a format's module offers: its sheets' file names, its frame rate, and two functions."""

    SHEETS: tuple[str, ...]
    FPS: float

    def read_sheet(self, path: Path) -> pa.Table:
        """The label sheet, a row a clip (`deft.tables.SHEET`)."""

    def frames(self, root: Path, subject: str, name: str) -> dict[int, str]:
        """A clip's frames: number → path relative to the dataset's root."""
