"""Layouts in which the rendered corpus is written: one module per dataset with a ``LAYOUT``, traps included.

Whatever writes labels also returns the rows that a reader must get from them, so that readers are tested without
licensed data. Nothing here imports a reader.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deft.render.corpus import ClipPlan
from deft.render.layouts import sheets

LAYOUTS = (
    "casme2", "samm", "smic", "casme3", "casme_squared", "samm_long", "dfme", "mmew", "casme", "fourdme", "flow",
)  # fmt: skip


class Layout(NamedTuple):
    """A dataset's labels, names and folders.

    ``words`` maps the corpus' emotions to the dataset's words. ``identify`` gives the subject and name that a reader
    must return for a plan, ``frame`` the path of its frame at a position, relative to the root; None: the dataset has
    no frames, its clips are flow fields. ``books`` are its label sheets. ``write_extra`` writes any other labels of
    these plans under a root, with traps or without, and returns the rows to expect from them. ``recording`` gives the
    name that a reader must return for the recording of a plan; None: every folder holds one clip.
    """

    words: Mapping[str, str]
    identify: Callable[[ClipPlan], tuple[str, str]]
    frame: Callable[[ClipPlan, int], str] | None
    books: Sequence[sheets.Book] = ()
    write_extra: Callable[[Sequence[ClipPlan], Path, bool], list[sheets.Expected]] | None = None
    recording: Callable[[ClipPlan], str] | None = None


def get(name: str) -> Layout:
    """Return the layout of this name, one of `LAYOUTS`."""
    layout: Layout = importlib.import_module(f"deft.render.layouts.{name}").LAYOUT
    return layout


def write_labels(layout: Layout, plans: Sequence[ClipPlan], root: Path, traps: bool) -> list[sheets.Expected]:
    """Write a layout's labels under ``root`` and return the rows that a reader must get from them."""
    root.mkdir(parents=True, exist_ok=True)
    expected = list[sheets.Expected]()
    for book in layout.books:
        expected += sheets.write(book, layout.words, plans, root, traps, layout.identify)
    if layout.write_extra:
        expected += layout.write_extra(plans, root, traps)
    return expected


def video_and_part(plan: ClipPlan) -> tuple[int, int]:
    """Return the numbers of the video watched and of the clip in it: (2, 1) for ``EP02_01f``."""
    number, part = plan.name.removeprefix("EP").rstrip("f").split("_")
    return int(number), int(part)


def frame_number(plan: ClipPlan, position: int) -> int:
    """Return the number, in the recording, of the frame at a position in the clip."""
    return plan.first + position
