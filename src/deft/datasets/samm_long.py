"""SAMM long videos (Yap et al. 2020, arXiv:1911.01519): 343 macro- and 159 micro-expressions, 200 fps.

Sheet ``SAMM_LongVideos_V*_Release.xlsx``, whose header stands in row 10; frames
``SAMM_longvideos/006_1/006_1_0001.jpg``. Emotions of the micro-expressions come from SAMM's own sheet beside it.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import Source, Whole, frames, samm, sheet

TITLE = "SAMM long videos"
SOURCES = (Source(("SAMM_LongVideos_V*_Release.xls*",), Whole(502)),)
RECORDINGS = "SAMM_longvideos/*"

FPS = 200.0
_COLUMNS = ("Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Type", "Action Units")
_KINDS = {"macro": "macro", "micro - 1/2": "micro", "micro": "micro"}
_TOLD = ("emotion", "classes", "coarse", "objective")  # by SAMM's sheet


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """The label sheet, a row a movement (`deft.core.schemas.SHEET`); needs no frames.

    A macro-expression's name ends in "_macro", since it may share its file name with a micro-expression. Without
    SAMM's sheet in the same folder no emotion is known, and the note says so.

    Raises:
        DataError: the file is not the label sheet of SAMM's long videos, or SAMM's own cannot be read.

    """
    body = sheet.find(path, _COLUMNS, ["Notes"], "FACS_Movement_Only")
    micro: dict[str, tables.Row] = {}
    besides = sorted(path.parent.glob(samm.SOURCES[0].files[0]))
    if len(besides) > 1:
        names = " and ".join(beside.name for beside in besides)
        raise DataError(path.parent, names, "one label sheet of SAMM", "keep the right one")
    for beside in besides:
        frames.inside(path.parent, beside)
        micro = {row["name"]: row for row in samm.read_sheet(beside, corrections).to_pylist() if not row["rejected"]}
    return sheet.table("samm_long", body, _who, partial(_read, micro), corrections)


def recording(name: str) -> str:
    """Return the recording of a clip: ``006_1`` of ``006_1_2`` and of ``006_1_2_macro``."""
    return "_".join(name.split("_")[:2])


def folder_rule(sheet: Path) -> Callable[[str], tuple[str, str]]:
    """Return the rule of folders' names (`deft.datasets.RecordingReader`), which needs no sheet."""
    return _of_folder


def _of_folder(folder: str) -> tuple[str, str]:
    name = folder.rsplit("/", 1)[1]
    match = re.fullmatch(r"(\d{3})_\d+", name, re.ASCII)
    if not match:
        raise DataError(folder, f"the name {name}", "a name like 006_1", "rename the folder, or move it away")
    return match[1], name


def _who(line: sheet.Line) -> tuple[str, str]:
    subject, name = samm.who(line)
    return subject, f"{name}_macro" if _KINDS.get(line.shown("Type").lower()) == "macro" else name


def _read(micro: dict[str, tables.Row], line: sheet.Line, subject: str, name: str) -> tables.Row:
    kind = _KINDS[line.among("Type", _KINDS)]
    told = {"emotion": None}
    if kind == "micro" and name in micro:
        told = {key: micro[name][key] for key in _TOLD}
    elif kind == "micro":
        line.notes.append(
            f"emotion: none here, and no usable row {name} in {samm.SOURCES[0].files[0]} beside this sheet"
        )
    if line.shown("Onset") == "0":
        raise line.refuse("Onset", "a frame from 1 on: this movement began before the recording")
    line.remark("Notes")
    return line.interval("Onset", "Apex", "Offset", rounded=True) | {
        "kind": kind,
        "fps": FPS,
        "aus": line.units("Action Units"),
        "folders": [f"SAMM_longvideos/{recording(name)}"],
        **told,
    }
