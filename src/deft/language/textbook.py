"""Text from the FACS tables alone: what the small Llama learns its words and its form from. No clip is ever read."""

import math
from typing import NamedTuple

import numpy as np

from deft.facs import words
from deft.facs.codes import Code
from deft.facs.emotions import COMBINATIONS, LABELS, PROTOTYPES, coarse, objective
from deft.facs.regions import NEIGHBOURS, REGIONS, place, side
from deft.facs.units import UNITS, Sign, Unit, observable
from deft.language import triple

_SHOWN = [unit for unit in UNITS.values() if observable(unit.number)]


class Page(NamedTuple):
    """``region_phrases``: what a face shows, a phrase per region, in the order of `REGIONS`; ``text``: its description.

    An answer has its class in ``emotion`` and the face's ``units``; a statement has neither.
    """

    region_phrases: tuple[str, ...]
    text: str
    emotion: str | None = None
    units: tuple[int, ...] = ()


def pages(count: int, seed: int) -> list[Page]:
    """``count`` pages: mostly the task with an answer (`deft.language.triple`), and some plain statements."""
    rng = np.random.default_rng(seed)
    return [
        answer(rng) if rng.random() < 0.95 else Page(tuple(triple.phrases([])), statement(rng)) for _ in range(count)
    ]


def answer(rng: np.random.Generator) -> Page:
    """The task and an answer for a face that shows a combination of units as the tables say.

    As in a real face a unit may drag what lies beside its place, and some regions move for no reason that is told.
    """
    emotion, units = _face(rng)
    shown: list[tuple[Code, list[triple.Sight]]] = []
    moving: dict[str, triple.Sight] = {}
    for unit in sorted(units):
        letter = str(rng.choice(["", "R", "L"], p=[0.7, 0.15, 0.15]))
        own: dict[str, triple.Sight] = {}
        for sign in UNITS[unit].signs:
            for sight in _sights(sign, letter, rng):
                if sight.region not in moving:
                    own.setdefault(sight.region, sight)
        moving |= own
        shown.append((Code(unit, letter or None), list(own.values())))
    told = triple.write(emotion, shown)
    for region in rng.choice(REGIONS, rng.integers(3), replace=False):
        moving.setdefault(str(region), _sight(str(region), Sign("", up=1.0), rng, turn=4))
    seen = triple.phrases(list(moving.values()))
    return Page(tuple(seen), f"{triple.TASK}\n{told.text}", emotion, tuple(sorted(units)))


def statement(rng: np.random.Generator) -> str:
    """A sentence of the tables about one unit."""
    unit: Unit = _SHOWN[rng.integers(len(_SHOWN))]
    sign = unit.signs[rng.integers(len(unit.signs))]
    moved = "lips" if sign.place == "lips" else sign.place
    return str(
        rng.choice(
            [
                f"{unit.number} {unit.name}: {unit.muscle}.",
                f"{unit.number} {unit.name} is seen at the {moved}: {_way(sign)}.",
                f"{moved} {_way(sign)}: {unit.number} {unit.name}.",
            ]
        )
    )


def _face(rng: np.random.Generator) -> tuple[str, set[int]]:
    """A class under any of the label sets, and units that speak for it."""
    kind = rng.random()
    if kind < 0.1:
        combinations = [units for units in COMBINATIONS if all(map(observable, units))]
        units = set(combinations[rng.integers(len(combinations))])
        return LABELS["objective"][objective(units) - 1], units
    emotion = str(rng.choice(list(PROTOTYPES)))
    units = set(PROTOTYPES[emotion][rng.integers(len(PROTOTYPES[emotion]))])
    if rng.random() < 0.2:
        units.add(_SHOWN[rng.integers(len(_SHOWN))].number)
    return (coarse(emotion) if kind < 0.25 else emotion), units


def _sights(sign: Sign, letter: str, rng: np.random.Generator) -> list[triple.Sight]:
    """A sign where it belongs, mostly, and now and then beside it, on the sides that ``letter`` allows."""
    at = {"upper lip", "lower lip"} if sign.place == "lips" else {sign.place}
    beside = set().union(*(NEIGHBOURS[where] for where in at)) - at
    found = []
    for region in REGIONS:
        if side(region) is None and not (sign.up or sign.opening):
            continue  # what is pulled outward does not move the midline
        chance = 0.9 if place(region) in at else 0.12 if place(region) in beside and not sign.opening else 0.0
        if rng.random() < chance and not (letter and side(region) not in (None, letter)):
            found.append(_sight(region, sign, rng))
    return found


def _sight(region: str, sign: Sign, rng: np.random.Generator, turn: int = 1) -> triple.Sight:
    """The sign's way at a region, at times up to ``turn`` eighths of a circle off, with any level and timing."""
    if sign.opening:
        direction = _way(sign)
    else:
        out = 0.0 if side(region) is None else sign.out
        octant = round(math.atan2(out, sign.up) / (math.pi / 4))
        octant += int(rng.integers(-turn, turn + 1)) if rng.random() < 0.3 or turn > 1 else 0
        direction = words.directions(region)[octant % 8]
    level = str(rng.choice(words.LEVELS[1:]))
    return triple.Sight(region, direction, level, str(rng.choice(words.TIMINGS, p=[0.15, 0.25, 0.6])))


def _way(sign: Sign) -> str:
    if sign.opening and sign.up >= 0:
        return words.OPENING[sign.opening < 0]
    return words.SIDE_DIRECTIONS[round(math.atan2(sign.out, sign.up) / (math.pi / 4)) % 8]
