"""CASME II (Yan et al. 2014, doi:10.1371/journal.pone.0086041): 26 subjects, 255 clips, 200 fps, 640×480.

Sheets ``CASME2-coding-20140508.xlsx`` and ``CASME2-coding-20190701.xlsx``; frames
``CASME2-RAW/sub01/EP02_01f/img1.jpg``.
"""

import re
from pathlib import Path

import pyarrow as pa

from deft import tables
from deft.datasets import sheet
from deft.errors import DataError
from deft.facs import codes, emotions

FPS = 200.0
SHEETS = ("CASME2-coding-20190701.xlsx", "CASME2-coding-20140508.xlsx")
TREES = ("CASME2-RAW", "CASME2_RAW_selected", "Cropped")
_COLUMNS = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")


def read_sheet(path: Path) -> pa.Table:
    """The label sheet, a row a clip (`tables.SHEET`); needs no frames.

    A row that cannot be used keeps its place, with the reason in ``rejected``. An apex that the sheet leaves out ("/")
    becomes the middle of onset and offset, and ``note`` says so.

    Raises:
        DataError: the file is no CASME II label sheet.

    """
    body = sheet.read_rows(path, _COLUMNS)
    found = [_row(f"{path.name}, {body.sheet}", number, cells) for number, cells in body.cells]
    return pa.Table.from_pylist(found, schema=tables.SHEET)


def frames(root: Path, subject: str, name: str) -> dict[int, str]:
    """A clip's frames under the dataset's root: frame number → path relative to the root.

    Raises:
        DataError: no tree of frames holds the clip.

    """
    for tree in TREES:
        folder = root / tree / subject / name
        if folder.is_dir():
            found = (
                (re.fullmatch(r"(?:reg_)?img(\d+)\.(?:jpg|png|bmp)", file.name), file) for file in folder.iterdir()
            )
            return dict(sorted((int(m[1]), file.relative_to(root).as_posix()) for m, file in found if m))
    expected = " or ".join(f"{tree}/{subject}/{name}" for tree in TREES)
    raise DataError(root, "no folder of this clip's frames", expected, "unpack the frames there")


def _row(where: str, number: int, cells: sheet.Row) -> tables.Row:
    subject, name = (str(cells[column] or "").strip() for column in ("Subject", "Filename"))
    cell = codes.read(cells["Action Units"])
    emotion = str(cells["Estimated Emotion"] or "").strip().lower()
    row: tables.Row = {
        "row": number,
        "subject": f"sub{int(subject):02d}" if subject.isdecimal() else subject,
        "name": name,
        "emotion": emotion,
        "coarse": emotions.coarse(emotion),
        "objective": objective if isinstance(objective := cells.get("Objective Classes"), int) else None,
        "aus": [code._asdict() for code in cell.codes],
        "note": cell.note,
        "rejected": None,
    }
    try:
        row |= _interval(f"{where}, row {number}", cells, row)
        for column, value in (("Subject", subject), ("Filename", name), ("Estimated Emotion", emotion)):
            if not value:
                raise DataError(f"{where}, row {number}, {column}", "an empty cell", "a text", "mend the sheet")
    except DataError as error:
        row["rejected"] = str(error)
    return row


def _interval(where: str, cells: sheet.Row, row: tables.Row) -> tables.Row:
    onset = sheet.whole(cells["OnsetFrame"], f"{where}, OnsetFrame")
    offset = sheet.whole(cells["OffsetFrame"], f"{where}, OffsetFrame")
    note = row["note"]
    if str(cells["ApexFrame"]).strip() == "/":
        apex = (onset + offset) // 2
        note = f"{note}; " * bool(note) + "apex: the sheet has none, the middle of onset and offset is used"
    else:
        apex = sheet.whole(cells["ApexFrame"], f"{where}, ApexFrame")
    if not onset <= apex <= offset:
        found = f"onset {onset}, apex {apex}, offset {offset}"
        raise DataError(f"{where}, ApexFrame", found, "onset ≤ apex ≤ offset", "mend the sheet")
    return {"onset": onset, "apex": apex, "offset": offset, "note": note}
