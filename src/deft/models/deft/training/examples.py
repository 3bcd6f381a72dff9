"""What a fold learns from: its training clips, and synthetic examples from the textbook."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.core.params import Params
from deft.core.tables import Row, person
from deft.facs.units import EXPRESSIVE
from deft.language import textbook, triple
from deft.models import Views
from deft.models.deft.model import Config

PAGES = 6000  # of the textbook, of which a fold takes those that show one of its classes
_pages = cache(textbook.pages)  # once per process: folds share them


class Example(NamedTuple):
    """A training clip, or a synthetic example: its class, its units, a phrase per region, and its answer.

    ``units`` are those that the clip's motion supports; None where nobody labelled any. ``person`` is the clip's
    subject, empty for a synthetic example.
    """

    emotion: str
    units: Sequence[int] | None
    region_phrases: Sequence[str]
    answer: str
    person: str = ""


def from_triple(row: Row) -> Example:
    """Return the example of a clip, a row of `deft.core.schemas.TRIPLES`; its units are unknown if none are listed."""
    return Example(row["label"], row["units"] if row["listed"] else None, row["seen"], row["target"], person(row))


def shown(examples: Sequence[Example], units: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return which units examples show, 0 or 1 (examples, units); NaN where nobody labelled any."""
    rows = np.full((len(examples), len(units)), np.nan, np.float32)
    for row, example in zip(rows, examples, strict=True):
        if example.units is not None:
            row[:] = np.isin(units, list(example.units))
    return rows


def synthetic_examples(emotions: Collection[str], seed: int) -> list[Example]:
    """Return the textbook's pages that show one of these classes, as examples."""
    return [
        Example(page.emotion, page.units, page.region_phrases, page.text)
        for page in _pages(PAGES, seed)
        if page.emotion is not None and page.emotion in emotions
    ]


def configure(examples: Sequence[Example], views: Views, params: Params) -> Config:
    """Return the configuration of a model for these examples: their classes, and the experts that see any of them."""
    return Config(
        experts=tuple(views),
        emotions=tuple(sorted({example.emotion for example in examples})),
        units=EXPRESSIVE,
        token_counts=tuple(view.shape[1] for view in views.values()),
        max_regions=params.triples.regions,
        text_weight=params.finetune.text_weight,
        four_bit=params.llm.four_bit,
        seeds=params.finetune.seeds,
        task=triple.TASK,
    )
