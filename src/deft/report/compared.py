"""A triple as the model told it beside that of sheet and motion: what agrees, what differs, what is missing."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deft.facs.regions import REGIONS

SAME, OTHER, ONLY_TOLD, NOT_TOLD = "✓ same way", "✗ another way", "✗ only told", "✗ not told"
_WORD = re.compile(r"\w+|[^\w\s]")


class Pair(NamedTuple):
    """What one region does, as measured and as told (None: not named), and how the two compare."""

    region: str
    measured: str | None
    told: str | None
    mark: str


def sights(measured: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Every region that either side names, from brow to chin; the direction decides, as it does in evidence F1."""
    left, right = ({sight["region"]: sight for sight in side} for side in (measured, told))
    return [
        Pair(region, _phrase(left.get(region)), _phrase(right.get(region)), _mark(left.get(region), right.get(region)))
        for region in REGIONS
        if region in left or region in right
    ]


def words(text: str, other: str) -> list[tuple[str, bool]]:
    """The text in stretches, each with whether the other text has its words too, in the same order."""
    found = list(_WORD.finditer(text))
    theirs = _WORD.findall(other)
    starts = [word.start() for word in found] + [len(text)]
    blocks = difflib.SequenceMatcher(None, [word[0] for word in found], theirs, autojunk=False).get_matching_blocks()
    stretches, done = list[tuple[str, bool]](), 0
    for start, _, size in blocks:
        stretches += [(text[starts[done] : starts[start]], False), (text[starts[start] : starts[start + size]], True)]
        done = start + size
    return [(stretch, same) for stretch, same in stretches if stretch]


def _mark(measured: Mapping[str, Any] | None, told: Mapping[str, Any] | None) -> str:
    if measured is None or told is None:
        return ONLY_TOLD if measured is None else NOT_TOLD
    return SAME if measured["direction"] == told["direction"] else OTHER


def _phrase(sight: Mapping[str, Any] | None) -> str | None:
    return f"{sight['direction']}, {sight['level']}, {sight['timing']}" if sight else None
