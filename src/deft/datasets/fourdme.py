"""4DME (Li et al. 2022, doi:10.1109/TAFFC.2022.3182342): 267 clips, some with two labels.

Sheet ``4DME_Labelling_Micro_release v1.xlsx``; frames ``gray_micro/<sub_ID>/<fold_name>`` or
``gray_micro_crop/…``. A person who came twice is one subject: ``S13_1st`` and ``S13_2nd`` are S13.
"""

from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.datasets import Source, Totals, sheet

TITLE = "4DME"
SOURCES = (Source(("4DME_Labelling_Micro_release*.xls*",), Totals(267)),)
RECORDINGS = None

FPS = 60.0
TREES = ("gray_micro", "gray_micro_crop")
EMOTIONS = ("positive", "negative", "surprise", "repression", "others")
_COLUMNS = ("sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs")


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet, one row per clip (`deft.core.schemas.SHEET`); needs no frames.

    Two labels in a cell (``Surprise+Positive``) become one word, ``surprise+positive``, which has no class among the 3.

    Raises:
        DataError: the file is not 4DME's label sheet.

    """
    return sheet.table("fourdme", sheet.find(path, _COLUMNS), _identify, _labels, corrections)


def _identify(line: sheet.Line) -> tuple[str, str]:
    session = line.name("sub_ID", r"S?(\d+(?:_\w+)?)", "S13 or S13_1st")
    fold = line.name("fold_name", r"[a-z0-9][\w.-]*", "001_01_1")
    number, _, visit = session.partition("_")
    return f"S{int(number):02d}", f"{visit}_{fold}" if visit else fold


def _labels(line: sheet.Line, subject: str, name: str) -> tables.Row:
    words = [word.strip() for word in line.text("Emotion").lower().split("+")]
    if not words or not set(words) <= set(EMOTIONS):
        raise line.error("Emotion", f"{', '.join(EMOTIONS)}, or several of them joined by +")
    return line.interval("Onset", "Apex", "Offset") | {
        "fps": FPS,
        "emotion": "+".join(words),
        "aus": line.units("AUs"),
        "folders": [f"{tree}/{line.text('sub_ID')}/{line.text('fold_name')}" for tree in TREES],
    }
