"""Training text for the small Llama, written from the FACS tables alone, never from a clip."""

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
    """One text and the face that it describes.

    region_phrases: the face's motion, one phrase per region, in the order of `REGIONS`.
    text: the description.
    emotion, units: the class and the Action Units of an answer; a statement has neither.
    """

    region_phrases: tuple[str, ...]
    text: str
    emotion: str | None = None
    units: tuple[int, ...] = ()


def pages(count: int, seed: int) -> list[Page]:
    """Return ``count`` pages: 95 % the task with an answer (`deft.language.triple`), the rest plain statements."""
    rng = np.random.default_rng(seed)
    still = tuple(triple.phrases([]))
    written = []
    for _ in range(count):
        is_answer = rng.random() < 0.95
        written.append(answer(rng) if is_answer else Page(still, statement(rng)))
    return written


def answer(rng: np.random.Generator) -> Page:
    """Return the task with an answer for a face that shows a combination of units from the tables.

    As in a real face, a unit may drag the regions beside its place, and up to two regions move that no unit explains.
    """
    emotion, units = _face(rng)
    shown: list[tuple[Code, list[triple.Sight]]] = []
    moving: dict[str, triple.Sight] = {}
    for unit in sorted(units):
        letter = str(rng.choice(["", "R", "L"], p=[0.7, 0.15, 0.15]))
        sights: dict[str, triple.Sight] = {}  # the unit's, by region
        for sign in UNITS[unit].signs:
            for sight in _sights(sign, letter, rng):
                if sight.region not in moving:
                    sights.setdefault(sight.region, sight)
        moving |= sights
        shown.append((Code(unit, letter or None), list(sights.values())))
    written = triple.write(emotion, shown)
    for region in rng.choice(REGIONS, rng.integers(3), replace=False):
        moving.setdefault(str(region), _sight(str(region), Sign("", up=1.0), rng, most_octants=4))
    region_phrases = tuple(triple.phrases(list(moving.values())))
    return Page(region_phrases, f"{triple.TASK}\n{written.text}", emotion, tuple(sorted(units)))


def statement(rng: np.random.Generator) -> str:
    """Return a sentence about one unit from the tables."""
    unit: Unit = _SHOWN[rng.integers(len(_SHOWN))]
    sign = unit.signs[rng.integers(len(unit.signs))]
    moved = "lips" if sign.place == "lips" else sign.place
    return str(
        rng.choice(
            [
                f"{unit.number} {unit.name}: {unit.muscle}.",
                f"{unit.number} {unit.name} is seen at the {moved}: {_direction(sign)}.",
                f"{moved} {_direction(sign)}: {unit.number} {unit.name}.",
            ]
        )
    )


def _face(rng: np.random.Generator) -> tuple[str, set[int]]:
    """Draw a class under any of the label sets, and units that speak for it."""
    draw = rng.random()
    if draw < 0.1:
        combinations = [units for units in COMBINATIONS if all(map(observable, units))]
        units = set(combinations[rng.integers(len(combinations))])
        return LABELS["objective"][objective(units) - 1], units
    emotion = str(rng.choice(list(PROTOTYPES)))
    units = set(PROTOTYPES[emotion][rng.integers(len(PROTOTYPES[emotion]))])
    if rng.random() < 0.2:
        units.add(_SHOWN[rng.integers(len(_SHOWN))].number)
    if draw < 0.25:
        emotion = coarse(emotion)
    return emotion, units


def _sights(sign: Sign, letter: str, rng: np.random.Generator) -> list[triple.Sight]:
    """Draw the sights of a sign: mostly at its place, sometimes beside it, on the sides that ``letter`` allows.

    ``letter`` is "R", "L", or "" for both sides.
    """
    places = {"upper lip", "lower lip"} if sign.place == "lips" else {sign.place}
    beside = set().union(*(NEIGHBOURS[where] for where in places)) - places
    sights = []
    for region in REGIONS:
        if side(region) is None and not (sign.up or sign.opening):
            continue  # an outward pull does not move the midline
        chance = 0.0
        if place(region) in places:
            chance = 0.9
        elif place(region) in beside and not sign.opening:
            chance = 0.12
        other_side = letter and side(region) not in (None, letter)
        if rng.random() < chance and not other_side:
            sights.append(_sight(region, sign, rng))
    return sights


def _sight(region: str, sign: Sign, rng: np.random.Generator, most_octants: int = 1) -> triple.Sight:
    """Draw a sign's sight at a region: its direction, at times up to ``most_octants`` off, any level and timing."""
    if sign.opening:
        direction = _direction(sign)
    else:
        out = 0.0 if side(region) is None else sign.out
        octant = round(math.atan2(out, sign.up) / (math.pi / 4))
        if rng.random() < 0.3 or most_octants > 1:
            octant += int(rng.integers(-most_octants, most_octants + 1))
        direction = words.directions(region)[octant % 8]
    level = str(rng.choice(words.LEVELS[1:]))
    return triple.Sight(region, direction, level, str(rng.choice(words.TIMINGS, p=[0.15, 0.25, 0.6])))


def _direction(sign: Sign) -> str:
    """Return the word for a sign's direction away from the midline."""
    if sign.opening and sign.up >= 0:
        return words.OPENING[sign.opening < 0]
    octant = round(math.atan2(sign.out, sign.up) / (math.pi / 4)) % 8
    return words.SIDE_DIRECTIONS[octant]
