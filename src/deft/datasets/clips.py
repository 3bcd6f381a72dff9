"""The index of a dataset: its usable clips, and the reason why each other row of its label sheet is left out."""

import importlib
from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import FORMATS, Reader, Source, frames

MOMENTS = ("onset", "apex", "offset")
_COPIED = (  # from a row of `schemas.SHEET` to a row of `schemas.INDEX`
    *("subject", "name", "kind", "part", "flow", "points", "fps", "emotion", "coarse", "classes", "objective", "aus"),
    "note",
)


class Index(NamedTuple):
    """``clips`` are rows of `schemas.INDEX`; ``rejected`` gives the reason why each other row is not among them.

    ``corrected`` lists the corrections by clip. ``sheets`` are the names of the label sheets, ``rows`` all of their
    rows (`schemas.SHEET`), ``source`` is the release that they belong to.
    """

    clips: list[tables.Row]
    rejected: dict[str, str]
    corrected: dict[str, list[str]]
    sheets: list[str]
    rows: list[tables.Row]
    source: Source


def reader(layout: str, where: object) -> Reader:
    """Return the module of a format.

    Raises:
        DataError: there is no such format.

    """
    if layout not in FORMATS:
        remedy = f"name the format in params.yaml, for example index.formats.{layout}: {FORMATS[0]}"
        raise DataError(where, f"the format {layout}", f"one of {', '.join(FORMATS)}", remedy)
    return cast(Reader, importlib.import_module(f"deft.datasets.{layout}"))


def read(root: Path, dataset: str, layout: str, corrections: bool = True) -> Index:
    """Index the dataset in the folder ``root``, whose format is ``layout`` (a module of ``deft.datasets``).

    Raises:
        DataError: the folder or its label sheet is missing, or belongs to another dataset.

    """
    if not root.is_dir():
        remedy = f"put the dataset there, or take {dataset} out of `datasets` in params.yaml"
        raise DataError(root, "no such folder", f"the dataset {dataset} in the layout of {layout}", remedy)
    format_reader = reader(layout, root)
    recorded = format_reader.RECORDINGS is not None
    source, sheets = labels(root, format_reader)
    rows, clips = list[tables.Row](), dict[str, tables.Row]()
    rejected, corrected = dict[str, str](), dict[str, list[str]]()
    find = lru_cache(8 if recorded else 0)(partial(frames.find, root))  # clips of one recording share a folder
    for sheet in sheets:
        for row in format_reader.read_sheet(sheet, corrections).to_pylist():
            clip, where = key(dataset, row), row_key(sheet.name, dataset, row)
            rows.append(row)
            if row["corrected"]:
                corrected[clip] = row["corrected"]
            try:
                if row["rejected"]:
                    rejected[where] = row["rejected"]
                    continue
                if clip in clips:
                    raise DataError(where, "this clip a second time", "one row per clip", "correct the sheet")
                copied = {name: row[name] for name in _COPIED} | {"clip": clip, "dataset": dataset}
                clips[clip] = copied | _frames_and_positions(row, clip, find, recorded)
            except DataError as error:
                rejected[where] = str(error)
    return Index([clips[clip] for clip in sorted(clips)], rejected, corrected, [s.name for s in sheets], rows, source)


def key(dataset: str, row: tables.Row) -> str:
    """Return the key of a sheet row's clip: ``<dataset>/<subject>/<name>``."""
    return f"{dataset}/{row['subject']}/{row['name']}"


def row_key(sheet: str, dataset: str, row: tables.Row) -> str:
    """Return a row's key in `Index.rejected`: its sheet, its number and its clip."""
    return f"{sheet}, row {row['row']}, {key(dataset, row)}"


def composite(index: Index) -> Counter[str]:
    """Count clips per class of MEGC 2019, which takes no macro-expressions."""
    return Counter(clip["classes"]["3"] for clip in index.clips if clip["kind"] == "micro" and clip["classes"]["3"])


def report(index: Index) -> dict[str, Any]:
    """Return the figures of the stage `index` about clips.

    ``composite`` counts clips per class of MEGC 2019. ``composite_expected`` is their published total; it is there only
    if the label sheet has all its rows.
    """
    totals = index.source.totals
    complete = totals is not None and totals.composite is not None and len(index.rows) == totals.clips
    return {
        "rows": len(index.rows),
        "clips": len(index.clips),
        "subjects": len({clip["subject"] for clip in index.clips}),
        "composite": dict(sorted(composite(index).items())),
        **({"composite_expected": totals.composite} if complete and totals else {}),
        "corrections": index.corrected,
        "failures": index.rejected,
    }


def labels(root: Path, format_reader: Reader) -> tuple[Source, list[Path]]:
    """Return the preferred release that is present and its files; ``root`` itself for a format without label sheets.

    Raises:
        DataError: no release is present, a file of it is there twice, or a file is a link out of ``root``.

    """
    for source in format_reader.SOURCES:
        present = []
        for pattern in source.files:
            files = sorted(path for path in root.glob(pattern) if not path.name.startswith((".", "~$")))
            if len(files) > 1:
                names = " and ".join(path.name for path in files)
                raise DataError(root, f"{names}", f"one label sheet {pattern}", "keep the right one")
            for path in files:
                frames.check_inside(root, path)
            present += files
        if present or not source.files:
            return source, present or [root]
    expected = " or ".join(pattern for source in format_reader.SOURCES for pattern in source.files)
    raise DataError(root, "no label sheet", expected, "put the dataset's label sheet there")


def _frames_and_positions(
    row: tables.Row, clip: str, find: Callable[[tuple[str, ...]], dict[int, str]], recorded: bool
) -> tables.Row:
    """Return a row's frames, and onset, apex and offset as positions in them.

    Of a recording these are the frames from onset to offset, else all frames of the clip's folder.
    """
    if row["flow"]:
        return {"frames": [], **{moment: row[moment] for moment in MOMENTS}}
    numbered = find(tuple(row["folders"]))
    for moment in MOMENTS:
        if row[moment] not in numbered:
            span = f"frames {min(numbered)}–{max(numbered)}" if numbered else "no frames"
            gap = " without it" if numbered and min(numbered) < row[moment] < max(numbered) else ""
            remedy = "restore it or correct the sheet"
            raise DataError(clip, f"{span}{gap}", f"frame {row[moment]}, the {moment}", remedy)
    if recorded:
        numbered = {number: path for number, path in numbered.items() if row["onset"] <= number <= row["offset"]}
    positions = {number: position for position, number in enumerate(numbered)}
    return {"frames": list(numbered.values()), **{moment: positions[row[moment]] for moment in MOMENTS}}
