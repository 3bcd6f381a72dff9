"""Compare the triple in an answer with the triple from sheet and motion."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deft.facs.regions import REGIONS

SAME, DIFFERENT = "✓ same direction", "✗ other direction"
ADDED, MISSING = "✗ only in the answer", "✗ not in the answer"
_WORD = re.compile(r"\w+|[^\w\s]")

Sight = Mapping[str, Any]  # region, direction, level, timing


class Pair(NamedTuple):
    """What one region does, as measured and as answered (None: not named), and a mark that compares the two."""

    region: str
    measured: str | None
    answered: str | None
    mark: str


def sights(measured: Sequence[Sight], answered: Sequence[Sight]) -> list[Pair]:
    """Return a pair for each region that either side names, from brow to chin.

    The direction decides whether they agree, as it does in evidence F1.
    """
    measured_by_region = {sight["region"]: sight for sight in measured}
    answered_by_region = {sight["region"]: sight for sight in answered}
    pairs = []
    for region in REGIONS:
        true, answer = measured_by_region.get(region), answered_by_region.get(region)
        if true or answer:
            pairs.append(Pair(region, _phrase(true), _phrase(answer), _mark(true, answer)))
    return pairs


def words(text: str, other: str) -> list[tuple[str, bool]]:
    """Split a text into stretches, each with whether the other text has the same words in the same order."""
    matches = list(_WORD.finditer(text))
    other_words = _WORD.findall(other)
    starts = [match.start() for match in matches] + [len(text)]
    matcher = difflib.SequenceMatcher(None, [match[0] for match in matches], other_words, autojunk=False)
    stretches: list[tuple[str, bool]] = []
    done = 0  # words
    for start, _, size in matcher.get_matching_blocks():
        stretches.append((text[starts[done] : starts[start]], False))
        stretches.append((text[starts[start] : starts[start + size]], True))
        done = start + size
    return [(stretch, same) for stretch, same in stretches if stretch]


def _mark(measured: Sight | None, answered: Sight | None) -> str:
    if measured is None:
        return ADDED
    if answered is None:
        return MISSING
    return SAME if measured["direction"] == answered["direction"] else DIFFERENT


def _phrase(sight: Sight | None) -> str | None:
    return f"{sight['direction']}, {sight['level']}, {sight['timing']}" if sight else None
