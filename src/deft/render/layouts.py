"""CASME II's layout on disk: where a clip's frames lie, and the coding sheet."""

import datetime
import io
import os
import re
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
    """Name the clip's frame folder, relative to the dataset's root."""
    return Path("CASME2-RAW") / f"sub{clip.subject:02d}" / clip.name


def frame(clip: ClipPlan, position: int) -> Path:
    """Name frame `position` (0-based) of the clip, relative to the root; numbers are the recording's, unpadded."""
    return folder(clip) / f"img{clip.first + position}.jpg"


def key(clip: ClipPlan) -> str:
    """Name the clip as every table does: dataset/subject/name."""
    return f"rendered/sub{clip.subject:02d}/{clip.name}"


def write_sheet(plans: Iterable[ClipPlan], root: Path) -> Path:
    """Write the coding sheet as CASME II has it (one filled sheet, two empty ones) and return its path."""
    book = openpyxl.Workbook()
    book.properties.created = _WRITTEN
    sheet = book.worksheets[0]
    sheet.title = "Sheet1"
    book.create_sheet("Sheet2")
    book.create_sheet("Sheet3")
    sheet.append(HEADER)
    for clip in sorted(plans, key=lambda clip: (clip.subject, clip.name)):
        onset, apex, offset = (clip.first + position for position in (clip.onset, clip.apex, clip.offset))
        name = f"{clip.subject:02d}", clip.name
        sheet.append((*name, None, onset, apex, offset, None, clip.listed, clip.emotion))
    root.mkdir(parents=True, exist_ok=True)
    unfinished = root / f".{SHEET}.part"
    unfinished.write_bytes(_undated(book))
    os.replace(unfinished, root / SHEET)
    return root / SHEET


def _undated(book: openpyxl.Workbook) -> bytes:
    """Pack a workbook with one fixed date: openpyxl notes the time of writing, and so does the zip for every entry."""
    raw, packed = io.BytesIO(), io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                stamp = rb"\g<1>" + _WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", stamp, content)
            new.writestr(zipfile.ZipInfo(name, _WRITTEN.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
