"""What a fold learns from: its clips, and faces of the textbook."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from deft.facs.units import EXPRESSIVE
from deft.language import textbook
from deft.models.deft.model import Shape
from deft.models.reduction import Views

LESSONS = 6000  # pages of the textbook, of which a fold reads those of its classes
_pages = cache(textbook.pages)  # once a process: folds share them


class Example(NamedTuple):
    """A training clip, or a face of the textbook: its class, its units, what each region shows, and its answer.

    ``units`` are those that its motion supports; None: nobody labelled any.
    """

    emotion: str
    units: Sequence[int] | None
    seen: Sequence[str]
    target: str


def of(row: Mapping[str, Any]) -> Example:
    """A clip's row of `deft.core.schemas.TRIPLES` as its model learns it; without listed units none are known."""
    return Example(row["label"], row["units"] if row["listed"] else None, row["seen"], row["target"])


def shape(clips: Sequence[Example], views: Views, regions: int) -> Shape:
    """What a model is that learns from these clips: their classes, and the experts that see any of them."""
    emotions = tuple(sorted({clip.emotion for clip in clips}))
    return Shape(tuple(views), emotions, EXPRESSIVE, tuple(view.shape[1] for view in views.values()), regions)


def lessons(emotions: Collection[str], seed: int) -> list[Example]:
    """Faces of the textbook that show one of these classes."""
    return [
        Example(page.emotion, page.units, page.seen, page.text)
        for page in _pages(LESSONS, seed)
        if page.emotion is not None and page.emotion in emotions
    ]
