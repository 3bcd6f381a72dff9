"""CASME (Yan et al. 2013, doi:10.1109/FG.2013.6553799): 189 clips in its first sheet, 193 in that of 2019, 60 fps.

Sheet ``CASME-coded-20190721.xls`` or ``CASME*.xls*``; frames ``sub01/EP01_5/EP01_5-1.jpg``, padded in part, cropped
ones ``reg_EP01_5-1.jpg``.
"""

from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.datasets import Source, Whole, sheet

TITLE = "CASME"
SOURCES = (Source(("CASME-coded-20190721.xls*",), Whole(193)), Source(("CASME*.xls*",), Whole(189)))
RECORDINGS = None

FPS = 60.0
TREES = ("CASME_raw_selected/", "", "Cropped/")
_COLUMNS = ("Subject", "Filename", "OnsetF", "ApexF1", "ApexF2", "OffsetF", "AU", "Emotion")


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """The label sheet, a row a clip (`deft.core.schemas.SHEET`); needs no frames.

    An apex may last from ``ApexF1`` to ``ApexF2``: the first is used, and the note tells the other.

    Raises:
        DataError: the file is not CASME's label sheet.

    """
    return sheet.table("casme", sheet.find(path, _COLUMNS), _who, _read, corrections)


def _who(line: sheet.Line) -> tuple[str, str]:
    subject = int(line.name("Subject", r"(?:sub)?(\d{1,2})", "1"))
    return f"sub{subject:02d}", line.name("Filename", r"EP\w+", "EP01_5")


def _read(line: sheet.Line, subject: str, name: str) -> tables.Row:
    second = line.shown("ApexF2")
    if second not in ("", "/", "\\", "0", line.shown("ApexF1")):
        line.notes.append(f"ApexF2: {second}, the apex lasts until there")
    return line.interval("OnsetF", "ApexF1", "OffsetF") | {
        "fps": FPS,
        "emotion": line.name("Emotion", "[a-z]+", "tense").lower(),
        "aus": line.units("AU"),
        "folders": [f"{tree}{subject}/{name}" for tree in TREES],
    }
