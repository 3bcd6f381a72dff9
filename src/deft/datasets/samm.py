"""SAMM (Davison et al. 2018, doi:10.1109/TAFFC.2016.2573832): 29 subjects, 159 clips, 200 fps, grey.

Sheet ``SAMM_Micro_FACS_Codes_v2.xlsx``, whose header is row 14; frames ``SAMM/006/006_1_2/006_05562.jpg``.
"""

from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.datasets import Source, Totals, sheet
from deft.facs import emotions

TITLE = "SAMM"
_COUNTS = {
    "anger": 57, "other": 26, "happiness": 26, "surprise": 15, "contempt": 12, "disgust": 9, "fear": 8, "sadness": 6,
}  # fmt: skip
SOURCES = (Source(("SAMM_Micro_FACS_Codes_v2.xls*",), Totals(159, 29, _COUNTS, 133)),)
RECORDINGS = None

FPS = 200.0
_COLUMNS = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Action Units"),
    *("Estimated Emotion", "Objective Classes"),
)
_FIVE = {"anger": "anger", "happiness": "happiness", "surprise": "surprise", "contempt": "contempt", "other": "others"}


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet, one row per clip (`deft.core.schemas.SHEET`); needs no frames.

    Raises:
        DataError: the file is not SAMM's label sheet.

    """
    return sheet.table("samm", sheet.find(path, _COLUMNS, ["Notes"], "MICRO_ONLY"), identify, _labels, corrections)


def identify(line: sheet.Line) -> tuple[str, str]:
    """Return a line's subject and file name, which begins with the subject."""
    subject = f"{int(line.name('Subject', r'[0-9]{1,3}', '006')):03d}"
    return subject, line.name("Filename", rf"{subject}_\d+_\d+", f"{subject}_1_2")


def _labels(line: sheet.Line, subject: str, name: str) -> tables.Row:
    emotion = line.word("Estimated Emotion", _COUNTS)
    aus = line.units("Action Units")
    line.note_remark("Notes")
    return line.interval("Onset Frame", "Apex Frame", "Offset Frame") | {
        "fps": FPS,
        "emotion": emotion,
        "classes": emotions.classes(emotion) | {"5": _FIVE.get(emotion)},
        "objective": line.objective("Objective Classes", aus),
        "aus": aus,
        "folders": [f"SAMM/{subject}/{name}"],
    }
