"""SMIC-HS (Li et al. 2013, doi:10.1109/FG.2013.6553717): 16 subjects, 164 clips, 100 fps, 640×480, no Action Units.

There is no sheet: the folders are the labels, ``HS/s1/micro/negative/s1_ne_01/image000001.bmp``, or cropped
``SMIC_all_cropped/HS/…/reg_image000001.bmp``.
"""

from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import Source, Totals, frames, sheet

TITLE = "SMIC-HS"
_COUNTS = {"negative": 70, "positive": 51, "surprise": 43}
SOURCES = (Source((), Totals(164, 16, _COUNTS, 164)),)
RECORDINGS = None

FPS = 100.0
TREES = ("HS", "SMIC_all_cropped/HS")
_TOKENS = {"negative": "ne", "positive": "po", "surprise": "sur"}
_COLUMNS = ("subject", "emotion", "clip", "folder")


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the labels from the names of folders under the root ``path``, one row per clip (`schemas.SHEET`).

    Onset and offset are a clip's first and last frame. Nobody coded the apex: the frame in the middle is used.

    Raises:
        DataError: neither tree is there, or it holds no folder of a clip.

    """
    tree = next((path / name for name in TREES if (path / name).is_dir()), None)
    if tree is None:
        raise DataError(path, "neither folder", " or ".join(TREES), "unpack SMIC-HS there")
    folders = sorted(folder for folder in tree.glob("*/micro/*/*") if folder.is_dir())
    if not folders:
        raise DataError(tree, "no folder of a clip", "folders like s1/micro/negative/s1_ne_01", "unpack SMIC-HS there")
    lines = []
    for number, folder in enumerate(folders, 1):
        where = folder.relative_to(path)
        parts = dict(zip(_COLUMNS, (where.parts[-4], *where.parts[-2:], where.as_posix()), strict=True))
        lines.append(sheet.Line(where.as_posix(), number, parts))
    return sheet.table(
        "smic", sheet.Body(path, tree.name, lines), _identify, lambda *row: _labels(path, *row), corrections
    )


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject = int(line.name("subject", r"s(\d{1,2})", "s1"))
    token = _TOKENS[line.word("emotion", _TOKENS)]
    number = line.name("clip", rf"s0?{subject}_{token}_(\d+)", f"s{subject}_{token}_01")
    return f"s{subject:02d}", f"s{subject:02d}_{token}_{number}"


def _labels(root: Path, line: sheet.Line, subject: str, name: str) -> tables.Row:
    numbers = list(frames.find(root, [line.text("folder")]))
    line.notes.append("apex: nobody coded it, the frame in the middle is used")
    return {
        **{"onset": numbers[0], "apex": numbers[len(numbers) // 2], "offset": numbers[-1]},
        "fps": FPS,
        "emotion": line.text("emotion").lower(),
        "aus": [],
        "folders": [line.text("folder")],
    }
