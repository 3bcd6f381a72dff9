"""Layouts in which the corpus is written: one module a dataset, each with a ``LAYOUT``, traps and all.

What a reader must make of every row is returned beside what is written, so that readers are tested without licensed
data. Nothing here imports a reader.
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
    """How a dataset lies on disk.

    ``words`` gives the dataset's word for each of the corpus' emotions. ``who`` is the subject and name that a reader
    gives a clip, ``frame`` the path of its frame at a position, relative to the root; None: no frames, the clips come
    as flow. ``books`` are its label sheets; ``plant`` adds what else there is for these plans under a root, with traps
    or without, and returns what a reader must make of it. ``recording`` is the name that a reader gives the recording
    that holds a clip; None: every folder holds one clip.
    """

    words: Mapping[str, str]
    who: Callable[[ClipPlan], tuple[str, str]]
    frame: Callable[[ClipPlan, int], str] | None
    books: Sequence[sheets.Book] = ()
    plant: Callable[[Sequence[ClipPlan], Path, bool], list[sheets.Expected]] | None = None
    recording: Callable[[ClipPlan], str] | None = None


def get(name: str) -> Layout:
    """The layout of this name, one of `LAYOUTS`."""
    layout: Layout = importlib.import_module(f"deft.render.layouts.{name}").LAYOUT
    return layout


def write_labels(layout: Layout, plans: Sequence[ClipPlan], root: Path, traps: bool) -> list[sheets.Expected]:
    """Write a layout's labels under ``root`` and return what a reader must make of each row."""
    root.mkdir(parents=True, exist_ok=True)
    found = [each for book in layout.books for each in sheets.write(book, layout.words, plans, root, traps, layout.who)]
    return found + (layout.plant(plans, root, traps) if layout.plant else [])


def film(plan: ClipPlan) -> tuple[int, int]:
    """Film and part of a plan's name: ``EP02_01f`` is (2, 1)."""
    number, part = plan.name.removeprefix("EP").rstrip("f").split("_")
    return int(number), int(part)


def at(plan: ClipPlan, position: int) -> int:
    """The number of a frame of the plan's recording."""
    return plan.first + position
