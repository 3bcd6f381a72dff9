"""MMEW (Ben et al. 2022, doi:10.1109/TPAMI.2021.3067464): 300 clips, 90 fps, faces of 231×231.

Sheet ``MMEW_Micro_Exp.xlsx``; frames ``Micro_Expression/<emotion>/S03-01-002/1.jpg``, or
``S03/<emotion>/S03-01-002/1.jpg``.
"""

from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.datasets import Source, Totals, sheet

TITLE = "MMEW"
SOURCES = (Source(("MMEW_Micro_Exp*.xls*",), Totals(300)),)
RECORDINGS = None

FPS = 90.0
EMOTIONS = ("happiness", "anger", "surprise", "disgust", "fear", "sadness", "repression", "others")
_COLUMNS = (
    *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"),
    "remarks",
)


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet, one row per clip (`deft.core.schemas.SHEET`); needs no frames.

    Raises:
        DataError: the file is not MMEW's label sheet.

    """
    return sheet.table("mmew", sheet.find(path, _COLUMNS), _identify, _labels, corrections)


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject = f"S{int(line.name('Subject', r'S?([0-9]{1,2})', 'S03')):02d}"
    return subject, line.name("Filename", rf"{subject}-\d+-\d+", f"{subject}-01-002")


def _labels(line: sheet.Line, subject: str, name: str) -> tables.Row:
    emotion = line.word("Estimated Emotion", EMOTIONS)
    line.note_remark("remarks")
    folders = (emotion, "repression") if emotion == "others" else (emotion,)  # where frames of others may be
    return line.interval("OnsetFrame", "ApexFrame", "OffsetFrame") | {
        "fps": FPS,
        "emotion": emotion,
        "aus": line.units("Action Units"),
        "folders": [f"{tree}/{folder}/{name}" for tree in ("Micro_Expression", subject) for folder in folders],
    }
