"""CAS(ME)³ part A (Li et al. 2023, doi:10.1109/TPAMI.2022.3174895): 94 subjects, 860 clips, 30 fps.

Sheet ``cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx``; frames ``part_A/spNO.1/a/color/355.jpg``: whole recordings,
unpadded numbers, with gaps. Clips cut out of them are in ``Part_A_ME_clip/frame/spNO.1_a_355/355.jpg``.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import Source, Totals, sheet

TITLE = "CAS(ME)³ part A"
_COUNTS = {"disgust": 250, "surprise": 187, "others": 161, "fear": 86, "anger": 64, "sad": 57, "happy": 55}
SOURCES = (Source(("cas(me)3_part_A_ME_label_JpgIndex_v2*.xls*",), Totals(860, 94, _COUNTS)),)
RECORDINGS = "part_A/*/*/color"

FPS = 30.0
_COLUMNS = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet, one row per clip (`deft.core.schemas.SHEET`); needs no frames.

    A recording holds several clips; a clip's name is therefore ``<Filename>_<Onset>``.

    Raises:
        DataError: the file is not the label sheet of CAS(ME)³ part A.

    """
    return sheet.table("casme3", sheet.find(path, _COLUMNS, tab="label"), _identify, _labels, corrections)


def recording(name: str) -> str:
    """Return the recording of a clip: ``a`` of ``a_355``, and ``j`` of ``J_355``, since either case occurs."""
    return name.split("_")[0].lower()


def folder_rule(sheet: Path) -> Callable[[str], tuple[str, str]]:
    """Return the function from a folder to its subject and recording (see `RecordingReader`); it needs no sheet."""
    return _of_folder


def _of_folder(folder: str) -> tuple[str, str]:
    match = re.fullmatch(r"part_A/spNO\.(\d{1,3})/([a-z])/color", folder, re.ASCII | re.IGNORECASE)
    if not match:
        expected = "a path like part_A/spNO.1/a/color"
        raise DataError(folder, "another name", expected, "rename the folder, or move it away")
    return f"spNO.{int(match[1])}", match[2].lower()


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject = int(line.name("Subject", r"spNO\.(\d{1,3})", "spNO.1"))
    return f"spNO.{subject}", f"{line.name('Filename', '[a-z]', 'a')}_{line.frame('Onset')}"


def _labels(line: sheet.Line, subject: str, name: str) -> tables.Row:
    video = name.split("_")[0]
    aus = line.units("AU")
    return line.interval("Onset", "Apex", "Offset", missing="0") | {
        "fps": FPS,
        "emotion": line.word("emotion", _COUNTS),
        "objective": line.objective("Objective class", aus),
        "aus": aus,
        "folders": [
            *(f"part_A/{subject}/{letter}/color" for letter in dict.fromkeys((video, video.lower()))),
            f"Part_A_ME_clip/frame/{subject}_{name}",
        ],
    }
