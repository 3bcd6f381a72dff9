"""From a label sheet and its frames to the index: clips that can be used, and for every other row the reason."""

import importlib
from pathlib import Path
from typing import NamedTuple, cast

from deft import tables
from deft.datasets import FORMATS, Reader
from deft.errors import DataError


class Index(NamedTuple):
    """``clips`` are rows of `tables.INDEX`; ``rejected`` tells why each other row is not among them."""

    clips: list[tables.Row]
    rejected: dict[str, str]


def read(root: Path, dataset: str, layout: str) -> Index:
    """Index a dataset whose folder is ``root`` and whose format is ``layout`` (a module of ``deft.datasets``).

    Raises:
        DataError: the folder or its label sheet is missing, or is another dataset's.

    """
    if not root.is_dir():
        remedy = f"put the dataset there, or take {dataset} out of `datasets` in params.yaml"
        raise DataError(root, "no such folder", f"the dataset {dataset} in the layout of {layout}", remedy)
    if layout not in FORMATS:
        remedy = f"say in params.yaml which it is, for example index.formats.{dataset}: {FORMATS[0]}"
        raise DataError(root, f"the format {layout}", f"one of {', '.join(FORMATS)}", remedy)
    reader = cast(Reader, importlib.import_module(f"deft.datasets.{layout}"))
    sheets = [root / name for name in reader.SHEETS if (root / name).is_file()]
    if not sheets:
        raise DataError(root, "no label sheet", " or ".join(reader.SHEETS), "put the dataset's label sheet there")
    clips: dict[str, tables.Row] = {}
    rejected: dict[str, str] = {}
    for row in reader.read_sheet(sheets[0]).to_pylist():
        clip = f"{dataset}/{row['subject']}/{row['name']}"
        where = f"{sheets[0].name}, row {row['row']}, {clip}"
        try:
            if row["rejected"]:
                raise DataError(where, row["rejected"], "a usable row", "see there")
            if clip in clips:
                raise DataError(where, "this clip a second time", "each clip once", "mend the sheet")
            clips[clip] = _clip(root, dataset, reader, row, clip)
        except DataError as error:
            rejected[where] = row["rejected"] or str(error)
    return Index([clips[clip] for clip in sorted(clips)], rejected)


def _clip(root: Path, dataset: str, reader: Reader, row: tables.Row, clip: str) -> tables.Row:
    numbered = reader.frames(root, row["subject"], row["name"])
    for name in ("onset", "apex", "offset"):
        if row[name] not in numbered:
            span = f"frames {min(numbered)}–{max(numbered)}" if numbered else "no frames"
            raise DataError(clip, span, f"frame {row[name]}, the {name}", "restore the frame or mend the sheet")
    positions = {number: position for position, number in enumerate(numbered)}
    kept = {name: row[name] for name in ("subject", "name", "emotion", "coarse", "objective", "aus", "note")}
    return kept | {
        "clip": clip,
        "dataset": dataset,
        "frames": list(numbered.values()),
        "fps": reader.FPS,
        **{name: positions[row[name]] for name in ("onset", "apex", "offset")},
    }
