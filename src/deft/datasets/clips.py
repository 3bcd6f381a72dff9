"""From a dataset as it lies there to the index: clips that can be used, and for every other row the reason."""

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
_KEPT = (
    *("subject", "name", "kind", "part", "flow", "points", "fps", "emotion", "coarse", "classes", "objective", "aus"),
    "note",
)


class Index(NamedTuple):
    """``clips`` are rows of `schemas.INDEX`; ``rejected`` tells why each other row is not among them.

    ``corrected`` tells what was corrected in which clip; ``sheets`` names the label sheets; ``rows`` are all that they
    hold (`schemas.SHEET`).
    """

    clips: list[tables.Row]
    rejected: dict[str, str]
    corrected: dict[str, list[str]]
    sheets: list[str]
    rows: list[tables.Row]
    source: Source


def reader(layout: str, where: object) -> Reader:
    """The module of a format.

    Raises:
        DataError: there is no such format.

    """
    if layout not in FORMATS:
        remedy = f"say in params.yaml which it is, for example index.formats.{layout}: {FORMATS[0]}"
        raise DataError(where, f"the format {layout}", f"one of {', '.join(FORMATS)}", remedy)
    return cast(Reader, importlib.import_module(f"deft.datasets.{layout}"))


def read(root: Path, dataset: str, layout: str, corrections: bool = True) -> Index:
    """Index a dataset whose folder is ``root`` and whose format is ``layout`` (a module of ``deft.datasets``).

    Raises:
        DataError: the folder or its label sheet is missing, or is another dataset's.

    """
    if not root.is_dir():
        remedy = f"put the dataset there, or take {dataset} out of `datasets` in params.yaml"
        raise DataError(root, "no such folder", f"the dataset {dataset} in the layout of {layout}", remedy)
    known = reader(layout, root)
    source, sheets = labels(root, known)
    rows, clips = list[tables.Row](), dict[str, tables.Row]()
    rejected, corrected = dict[str, str](), dict[str, list[str]]()
    find = lru_cache(8 if known.RECORDINGS else 0)(partial(frames.find, root))  # several clips in a recording
    for sheet in sheets:
        for row in known.read_sheet(sheet, corrections).to_pylist():
            clip, where = key(dataset, row), named(sheet.name, dataset, row)
            rows.append(row)
            if row["corrected"]:
                corrected[clip] = row["corrected"]
            try:
                if row["rejected"]:
                    rejected[where] = row["rejected"]
                    continue
                if clip in clips:
                    raise DataError(where, "this clip a second time", "each clip once", "mend the sheet")
                kept = {name: row[name] for name in _KEPT} | {"clip": clip, "dataset": dataset}
                clips[clip] = kept | _placed(row, clip, find, known.RECORDINGS is not None)
            except DataError as error:
                rejected[where] = str(error)
    return Index([clips[clip] for clip in sorted(clips)], rejected, corrected, [s.name for s in sheets], rows, source)


def key(dataset: str, row: tables.Row) -> str:
    """Return the key of a sheet row's clip: ``<dataset>/<subject>/<name>``."""
    return f"{dataset}/{row['subject']}/{row['name']}"


def named(sheet: str, dataset: str, row: tables.Row) -> str:
    """Return a row's key in `Index.rejected`: its sheet, its row and its clip."""
    return f"{sheet}, row {row['row']}, {key(dataset, row)}"


def composite(found: Index) -> Counter[str]:
    """Clips a class of MEGC 2019, which takes no macro-expressions."""
    return Counter(clip["classes"]["3"] for clip in found.clips if clip["kind"] == "micro" and clip["classes"]["3"])


def report(found: Index) -> dict[str, Any]:
    """The figures of the stage `index`.

    ``composite`` counts clips a class of MEGC 2019; ``composite_expected`` is what they come to in all, where the label
    sheet has all its rows.
    """
    whole = found.source.whole
    complete = whole is not None and whole.composite is not None and len(found.rows) == whole.clips
    return {
        "rows": len(found.rows),
        "clips": len(found.clips),
        "subjects": len({clip["subject"] for clip in found.clips}),
        "composite": dict(sorted(composite(found).items())),
        **({"composite_expected": whole.composite} if complete and whole else {}),
        "corrections": found.corrected,
        "failures": found.rejected,
    }


def labels(root: Path, known: Reader) -> tuple[Source, list[Path]]:
    """The best release that is there, and its files; a format without label sheets reads the folder itself."""
    for source in known.SOURCES:
        found = []
        for pattern in source.files:
            there = sorted(path for path in root.glob(pattern) if not path.name.startswith((".", "~$")))
            if len(there) > 1:
                names = " and ".join(path.name for path in there)
                raise DataError(root, f"{names}", f"one label sheet {pattern}", "keep the right one")
            for path in there:
                frames.inside(root, path)
            found += there
        if found or not source.files:
            return source, found or [root]
    expected = " or ".join(pattern for source in known.SOURCES for pattern in source.files)
    raise DataError(root, "no label sheet", expected, "put the dataset's label sheet there")


def _placed(
    row: tables.Row, clip: str, find: Callable[[tuple[str, ...]], dict[int, str]], recordings: bool
) -> tables.Row:
    """A row's frames, and onset, apex and offset as positions among them; of a recording only the clip's own."""
    if row["flow"]:
        return {"frames": [], **{name: row[name] for name in MOMENTS}}
    numbered = find(tuple(row["folders"]))
    for name in MOMENTS:
        if row[name] not in numbered:
            span = f"frames {min(numbered)}–{max(numbered)}" if numbered else "no frames"
            gap = " without it" if numbered and min(numbered) < row[name] < max(numbered) else ""
            raise DataError(clip, f"{span}{gap}", f"frame {row[name]}, the {name}", "restore it or mend the sheet")
    if recordings:
        numbered = {number: path for number, path in numbered.items() if row["onset"] <= number <= row["offset"]}
    positions = {number: position for position, number in enumerate(numbered)}
    return {"frames": list(numbered.values()), **{name: positions[row[name]] for name in MOMENTS}}
