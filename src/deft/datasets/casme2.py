"""CASME II (Yan et al. 2014, doi:10.1371/journal.pone.0086041): 26 subjects, 255 clips, 200 fps, 640×480.

Sheets ``CASME2-coding-20190701.xlsx`` (with objective classes) and ``CASME2-coding-20140508.xlsx``; frames
``CASME2-RAW/sub01/EP02_01f/img1.jpg``, ``CASME2_RAW_selected/…/img46.jpg``, ``Cropped/…/reg_img46.jpg``.
"""

from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.datasets import Source, Totals, sheet
from deft.facs import emotions

TITLE = "CASME II"
_COUNTS = {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25, "sadness": 7, "fear": 2}
SOURCES = (
    Source(("CASME2-coding-20190701.xls*",), Totals(255, 26, _COUNTS | {"surprise": 28, "sadness": 4}, 145)),
    Source(("CASME2-coding-20140508.xls*",), Totals(255, 26, _COUNTS, 145)),
)
RECORDINGS = None

FPS = 200.0
TREES = ("CASME2-RAW", "CASME2_RAW_selected", "Cropped")
_COLUMNS = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")

# MEGC 2019 used the labels of 2014 without these emotions and two clips (facial-micro-expressiongc.github.io).
_NOT_IN_MEGC = frozenset({"others", "fear", "sadness"})
_LEFT_OUT = {
    ("sub04", "EP12_01f"): "MEGC 2019 leaves this clip out",
    ("sub05", "EP09_05f"): "MEGC 2019 leaves this clip out",
    **{
        ("sub24", name): "MEGC 2019 leaves this clip out: sadness in the sheet of 2014"
        for name in ("EP07_01", "EP07_04f", "EP10_03")
    },
}


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet of 2014 or 2019, one row per clip (`deft.core.schemas.SHEET`); needs no frames.

    Raises:
        DataError: the file is not a label sheet of CASME II.

    """
    return sheet.table("casme2", sheet.find(path, _COLUMNS, ["Objective Classes"]), _identify, _labels, corrections)


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject = int(line.name("Subject", r"(?:sub)?(\d{1,2})", "01"))
    return f"sub{subject:02d}", line.name("Filename", r"EP\w+", "EP02_01f")


def _labels(line: sheet.Line, subject: str, name: str) -> tables.Row:
    emotion = line.word("Estimated Emotion", _COUNTS)
    aus = line.units("Action Units")
    classes = emotions.classes(emotion)
    if emotion in _NOT_IN_MEGC or (subject, name) in _LEFT_OUT:
        classes["3"] = None
        line.notes += [_LEFT_OUT[subject, name]] if (subject, name) in _LEFT_OUT else []
    return line.interval("OnsetFrame", "ApexFrame", "OffsetFrame") | {
        "fps": FPS,
        "emotion": emotion,
        "classes": classes,
        "objective": line.objective("Objective Classes", aus),
        "aus": aus,
        "folders": [f"{tree}/{subject}/{name}" for tree in TREES],
    }
