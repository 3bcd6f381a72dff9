"""CASME II's layout on disk: where a clip's frames lie, and the coding sheet."""

import datetime
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import openpyxl

from deft.render.corpus import ClipPlan

SHEET = "CASME2-coding-20140508.xlsx"
HEADER = (
    "Subject",
    "Filename",
    None,
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
)
_WRITTEN = datetime.datetime(2014, 5, 8)  # a fixed date, so that the same corpus has the same bytes


def folder(clip: ClipPlan) -> Path:
    """The clip's frame folder, relative to the dataset's root."""
    return Path("CASME2-RAW") / f"sub{clip.subject:02d}" / clip.name


def frame(clip: ClipPlan, position: int) -> Path:
    """Frame `position` (0-based) of the clip, relative to the root; numbers are the recording's own and unpadded."""
    return folder(clip) / f"img{clip.first + position}.jpg"


def key(clip: ClipPlan) -> str:
    """The clip's name in every table: dataset/subject/name."""
    return f"rendered/sub{clip.subject:02d}/{clip.name}"


def write_sheet(plans: Iterable[ClipPlan], root: Path) -> Path:
    """Write the coding sheet as CASME II has it (one filled sheet, two empty ones) and return its path."""
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = _WRITTEN
    sheet = book.worksheets[0]
    sheet.title = "Sheet1"
    book.create_sheet("Sheet2")
    book.create_sheet("Sheet3")
    sheet.append(HEADER)
    for clip in sorted(plans, key=lambda clip: (clip.subject, clip.name)):
        onset, apex, offset = (clip.first + position for position in (clip.onset, clip.apex, clip.offset))
        row = (f"{clip.subject:02d}", clip.name, None, onset, apex, offset, None, clip.listed, clip.emotion)
        sheet.append(row)
    root.mkdir(parents=True, exist_ok=True)
    raw, done = root / f".{SHEET}.raw", root / f".{SHEET}.part"
    book.save(raw)
    _restamp(raw, done)
    raw.unlink()
    os.replace(done, root / SHEET)
    return root / SHEET


def _restamp(source: Path, target: Path) -> None:
    """Copy a zip with every entry dated alike: a zip carries the time of writing."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            entry = zipfile.ZipInfo(name, _WRITTEN.timetuple()[:6])
            new.writestr(entry, old.read(name), zipfile.ZIP_DEFLATED)
