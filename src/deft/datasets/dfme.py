"""DFME (Zhao et al. 2023, doi:10.1109/TAFFC.2023.3341918): the release of its challenge, 200, 300 or 500 fps.

Sheets ``training_full_with_AU.xlsx``, ``testA_full_with_AU.xlsx`` and ``testB_full_with_AU.xlsx``; frames
``DFME_train/sub0003_01/00109.png``, numbered from 0; those of the test sets are in other folders. A clip's part is
"training", "testA" or "testB".
"""

from functools import partial
from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.datasets import Source, Totals, sheet

TITLE = "DFME"
PARTS = ("training", "testA", "testB")
SOURCES = (Source(tuple(f"{part}_full_with_AU.xls*" for part in PARTS), Totals(1856 + 474 + 299, 176 + 42 + 41)),)
RECORDINGS = None

EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
_COLUMNS = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps", "AU")


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet of one part, one row per clip (`deft.core.schemas.SHEET`); needs no frames.

    Raises:
        DataError: the file is not a label sheet of DFME.

    """
    part = next((part for part in PARTS if path.name.startswith(part)), None)
    return sheet.table("dfme", sheet.find(path, _COLUMNS), _identify, partial(_labels, part), corrections)


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject = int(line.name("Subject", r"sub(\d{1,6})", "sub0003"))
    number = line.name("Filename", rf"sub0*{subject}_(\d+)", f"sub{subject:04d}_01")
    return f"sub{subject:04d}", f"sub{subject:04d}_{number}"


def _labels(part: str | None, line: sheet.Line, subject: str, name: str) -> tables.Row:
    fps = line.frame("Fps")
    if not fps:
        raise line.error("Fps", "frames per second")
    return line.interval("OnsetFrame", "ApexFrame", "OffsetFrame") | {
        "part": part,
        "fps": float(fps),
        "emotion": line.word("Emotion", EMOTIONS),
        "aus": line.units("AU"),
        "folders": [f"{tree}/{line.text('Filename')}" for tree in ("DFME_train", "*")],
    }
