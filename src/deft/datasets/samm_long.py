"""SAMM long videos (Yap et al. 2020, arXiv:1911.01519): 343 macro- and 159 micro-expressions, 200 fps.

Sheet ``SAMM_LongVideos_V*_Release.xlsx``, whose header is row 10; frames
``SAMM_longvideos/006_1/006_1_0001.jpg``. Emotions of the micro-expressions come from SAMM's own sheet beside it.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import Source, Totals, frames, samm, sheet

TITLE = "SAMM long videos"
SOURCES = (Source(("SAMM_LongVideos_V*_Release.xls*",), Totals(502)),)
RECORDINGS = "SAMM_longvideos/*"

FPS = 200.0
_COLUMNS = ("Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Type", "Action Units")
_KINDS = {"macro": "macro", "micro - 1/2": "micro", "micro": "micro"}
_FROM_SAMM = ("emotion", "classes", "coarse", "objective")  # columns that SAMM's own sheet fills


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the label sheet, one row per movement (`deft.core.schemas.SHEET`); needs no frames.

    A macro-expression's name ends in "_macro", since it may share its file name with a micro-expression. Emotions
    need SAMM's sheet in the same folder; without it the notes say that none is known.

    Raises:
        DataError: the file is not the label sheet of SAMM's long videos, or SAMM's own cannot be read.

    """
    body = sheet.find(path, _COLUMNS, ["Notes"], "FACS_Movement_Only")
    micro: dict[str, tables.Row] = {}
    samm_sheets = sorted(path.parent.glob(samm.SOURCES[0].files[0]))
    if len(samm_sheets) > 1:
        names = " and ".join(samm_sheet.name for samm_sheet in samm_sheets)
        raise DataError(path.parent, names, "one label sheet of SAMM", "keep the right one")
    for samm_sheet in samm_sheets:
        frames.check_inside(path.parent, samm_sheet)
        rows = samm.read_sheet(samm_sheet, corrections).to_pylist()
        micro = {row["name"]: row for row in rows if not row["rejected"]}
    return sheet.table("samm_long", body, _identify, partial(_labels, micro), corrections)


def recording(name: str) -> str:
    """Return the recording of a clip: ``006_1`` of ``006_1_2`` and of ``006_1_2_macro``."""
    return "_".join(name.split("_")[:2])


def folder_rule(sheet: Path) -> Callable[[str], tuple[str, str]]:
    """Return the function from a folder to its subject and recording (see `RecordingReader`); it needs no sheet."""
    return _of_folder


def _of_folder(folder: str) -> tuple[str, str]:
    name = folder.rsplit("/", 1)[1]
    match = re.fullmatch(r"(\d{3})_\d+", name, re.ASCII)
    if not match:
        raise DataError(folder, f"the name {name}", "a name like 006_1", "rename the folder, or move it away")
    return match[1], name


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject, name = samm.identify(line)
    return subject, f"{name}_macro" if _KINDS.get(line.text("Type").lower()) == "macro" else name


def _labels(micro: dict[str, tables.Row], line: sheet.Line, subject: str, name: str) -> tables.Row:
    kind = _KINDS[line.word("Type", _KINDS)]
    emotion = {"emotion": None}
    if kind == "micro" and name in micro:
        emotion = {column: micro[name][column] for column in _FROM_SAMM}
    elif kind == "micro":
        line.notes.append(
            f"emotion: none here, and no usable row {name} in {samm.SOURCES[0].files[0]} beside this sheet"
        )
    if line.text("Onset") == "0":
        raise line.error("Onset", "a frame from 1 on: this movement began before the recording")
    line.note_remark("Notes")
    return line.interval("Onset", "Apex", "Offset", rounded=True) | {
        "kind": kind,
        "fps": FPS,
        "aus": line.units("Action Units"),
        "folders": [f"SAMM_longvideos/{recording(name)}"],
        **emotion,
    }
