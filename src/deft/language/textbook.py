"""Text from the FACS tables alone: what the small Llama learns its words and its form from. No clip is ever read."""

import math

import numpy as np

from deft.facs import words
from deft.facs.emotions import COMBINATIONS, LABELS, PROTOTYPES, coarse, objective
from deft.facs.regions import REGIONS, place, side
from deft.facs.units import UNITS, Sign, Unit, observable
from deft.language import triple

_SHOWN = [unit for unit in UNITS.values() if observable(unit.number)]


def texts(count: int, seed: int) -> list[str]:
    """``count`` texts: mostly questions with answers in the form of `deft.language.triple`, some plain statements."""
    rng = np.random.default_rng(seed)
    return [answer(rng) if rng.random() < 0.85 else statement(rng) for _ in range(count)]


def answer(rng: np.random.Generator) -> str:
    """The task and an answer for a face that shows a combination of units as the tables say."""
    emotion, units = _face(rng)
    shown, told = [], set[str]()
    for unit in sorted(units):
        letter = rng.choice(["", "R", "L"], p=[0.7, 0.15, 0.15])
        sights = []
        for sign in UNITS[unit].signs:
            for region in _regions(sign):
                if region in told or (letter and side(region) not in (None, letter)) or rng.random() < 0.15:
                    continue
                told.add(region)
                sights.append(_sight(region, sign, rng))
        shown.append((f"{letter}{unit}", sights))
    return f"{triple.TASK}\n{triple.write(emotion, shown).text}"


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


def _regions(sign: Sign) -> list[str]:
    if sign.place == "lips":
        return ["upper lip", "lower lip"]
    return [region for region in REGIONS if place(region) == sign.place]


def _sight(region: str, sign: Sign, rng: np.random.Generator) -> triple.Sight:
    direction = _way(sign) if sign.opening else words.ways(region)[_octant(sign, region, rng)]
    return triple.Sight(region, direction, str(rng.choice(words.LEVELS[1:])), str(rng.choice(words.TIMINGS)))


def _octant(sign: Sign, region: str, rng: np.random.Generator) -> int:
    """The sign's direction among eight, at times its neighbour."""
    out = 0.0 if side(region) is None else sign.out
    return (round(math.atan2(out, sign.up) / (math.pi / 4)) + int(rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1]))) % 8


def _way(sign: Sign) -> str:
    if sign.opening:
        return words.OPENING[sign.opening < 0]
    return words.WAYS[round(math.atan2(sign.out, sign.up) / (math.pi / 4)) % 8]
