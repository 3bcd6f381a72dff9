"""CASME (Yan et al. 2013, doi:10.1109/FG.2013.6553799): 189 clips in one sheet, 193 in that of 2019, 60 fps.

Sheet ``CASME-coded-20190721.xls`` or ``CASME*.xls*``; frames ``sub01/EP01_5/EP01_5-1.jpg``, padded in part, cropped
ones ``reg_EP01_5-1.jpg``.
"""

from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.datasets import Source, Totals, sheet

TITLE = "CASME"
SOURCES = (Source(("CASME-coded-20190721.xls*",), Totals(193)), Source(("CASME*.xls*",), Totals(189)))
RECORDINGS = None

FPS = 60.0
TREES = ("CASME_raw_selected/", "", "Cropped/")
_COLUMNS = ("Subject", "Filename", "OnsetF", "ApexF1", "ApexF2", "OffsetF", "AU", "Emotion")


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet, one row per clip (`deft.core.schemas.SHEET`); needs no frames.

    An apex may last from ``ApexF1`` to ``ApexF2``: the first is used, and the note names the second.

    Raises:
        DataError: the file is not CASME's label sheet.

    """
    return sheet.table("casme", sheet.find(path, _COLUMNS), _identify, _labels, corrections)


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject = int(line.name("Subject", r"(?:sub)?(\d{1,2})", "1"))
    return f"sub{subject:02d}", line.name("Filename", r"EP\w+", "EP01_5")


def _labels(line: sheet.Line, subject: str, name: str) -> tables.Row:
    last_apex = line.text("ApexF2")
    if last_apex not in ("", "/", "\\", "0", line.text("ApexF1")):
        line.notes.append(f"ApexF2: {last_apex}, the apex lasts until there")
    return line.interval("OnsetF", "ApexF1", "OffsetF") | {
        "fps": FPS,
        "emotion": line.name("Emotion", "[a-z]+", "tense").lower(),
        "aus": line.units("AU"),
        "folders": [f"{tree}{subject}/{name}" for tree in TREES],
    }
