"""Labels against motion, in both directions: does each listed unit move, and is each moving region listed?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deft.facs import codes
from deft.facs.regions import NEIGHBOURS, REGIONS, place, side
from deft.facs.units import UNITS, Sign, observable
from deft.motion.evidence import BLINK, Evidence

SUPPORTED, UNSUPPORTED, UNOBSERVABLE = "supported", "unsupported", "unobservable"
EXPLAINED, UNEXPLAINED, STILL = "explained", "unexplained", "still"

_ACROSS = 0.5  # what motion across a sign's way takes from its support: 12, 14, 15 and 20 share the mouth corners
_ALIKE = 0.5  # cosine from which a region moves a sign's way


class Calibration(NamedTuple):
    """How support becomes a score: 0.5 at ``even_z`` multiples of the noise, the steeper the larger ``slope``."""

    even_z: float
    slope: float


class Judged(NamedTuple):
    """A listed code with its score in [0, 1] and its verdict."""

    code: codes.Code
    score: float
    verdict: str


class Verification(NamedTuple):
    """Both directions: ``aus`` as listed, ``regions`` region → verdict, ``consistency`` in [0, 1]."""

    aus: list[Judged]
    regions: dict[str, str]
    consistency: float


def support(unit: int, side_of_face: str | None, evidence: Mapping[str, Evidence]) -> float:
    """How far the motion goes a unit's way, in multiples of the clip's noise (negative: the other way).

    Of two sides the stronger counts unless the code names one: a micro-expression is often one-sided.
    """
    sides = [side_of_face] if side_of_face else ["R", "L"]
    return max(_side_support(UNITS[unit].signs, letter, evidence) for letter in sides)


def score(unit: int, side_of_face: str | None, evidence: Mapping[str, Evidence], calibration: Calibration) -> float:
    """The `probability` that a unit moved, from its `support`."""
    return probability(support(unit, side_of_face, evidence), calibration)


def probability(supported_z: float, calibration: Calibration) -> float:
    """Support as the probability that the unit moved, where it was as likely to move as not.

    A logistic (Platt 1999) of the support's inverse hyperbolic sine, which is linear near the noise and logarithmic
    above it: the tenth multiple of the noise says less than the third.
    """
    above = np.arcsinh(supported_z) - np.arcsinh(calibration.even_z)
    return float(1 / (1 + np.exp(-calibration.slope * above)))


def verify(
    listed: Sequence[codes.Code], evidence: Mapping[str, Evidence], calibration: Calibration, supported: float
) -> Verification:
    """Judge every listed code and every region (``supported``: the score from which motion supports a code)."""
    scores = {
        code: score(code.unit, code.side, evidence, calibration)
        for code in listed
        if observable(code.unit) and not code.static
    }
    aus = [
        Judged(code, scores[code], SUPPORTED if scores[code] >= supported else UNSUPPORTED)
        if code in scores
        else Judged(code, 0.0, UNOBSERVABLE)
        for code in listed
    ]
    aus = _settle(aus)
    held = [judged.code for judged in aus if judged.verdict == SUPPORTED]
    verdicts = {
        region: STILL
        if evidence[region].level == "none"
        else EXPLAINED
        if reason(held, evidence[region])
        else UNEXPLAINED
        for region in REGIONS
    }
    return Verification(aus, verdicts, _consistency(aus, verdicts, evidence))


def reason(held: Sequence[codes.Code], found: Evidence) -> codes.Code | None:
    """The code that explains a region best: one that acts there, else one that acts beside it; None: no code does."""
    for near in (False, True):
        for code in held:
            if explains(code, found, near):
                return code
    return None


def explains(code: codes.Code, found: Evidence, near: bool) -> bool:
    """Whether a unit moves this region the way it is seen to move; ``near``: also when it acts on a neighbour."""
    if code.side and side(found.region) not in (None, code.side):
        return False
    here = place(found.region)
    for sign in UNITS[code.unit].signs:
        places = {"upper lip", "lower lip"} if sign.place == "lips" else {sign.place}
        if here in places and _along(sign, found) > 0:
            return True
        around = frozenset().union(*(NEIGHBOURS[where] for where in places))
        # What opens or closes drags both sides along, each its own way.
        if near and here in around | places and (sign.opening or _cosine(sign, found) > _ALIKE):
            return True
    return False


def _settle(aus: list[Judged]) -> list[Judged]:
    """Of alternatives one suffices: once an option holds as a whole, the others are not held against the sheet."""
    options: dict[tuple[int, int | None], list[str]] = {}
    for judged in aus:
        if judged.code.alternative is not None:
            options.setdefault((judged.code.alternative, judged.code.option), []).append(judged.verdict)
    held = {group for (group, _), verdicts in options.items() if SUPPORTED in verdicts and UNSUPPORTED not in verdicts}
    return [
        judged._replace(verdict=UNOBSERVABLE)
        if judged.verdict == UNSUPPORTED and judged.code.alternative in held
        else judged
        for judged in aus
    ]


def _consistency(aus: Iterable[Judged], verdicts: Mapping[str, str], evidence: Mapping[str, Evidence]) -> float:
    """Mean score of what is observable, times the share of all motion above noise that the labels explain."""
    scores = [judged.score for judged in aus if judged.verdict != UNOBSERVABLE]
    moving = {region: evidence[region].z for region, verdict in verdicts.items() if verdict != STILL}
    explained = sum(z for region, z in moving.items() if verdicts[region] == EXPLAINED)
    forward = float(np.mean(scores)) if scores else 1.0
    return forward * (explained / sum(moving.values()) if moving else 1.0)


def _side_support(signs: Sequence[Sign], letter: str, evidence: Mapping[str, Evidence]) -> float:
    total = sum(sign.weight for sign in signs)
    return sum(sign.weight * _along(sign, _found(sign.place, letter, evidence)) for sign in signs) / total


def _found(where: str, letter: str, evidence: Mapping[str, Evidence]) -> Evidence:
    if where == "lips":
        return evidence["lower lip"]
    return evidence.get(where) or evidence[f"{'right' if letter == 'R' else 'left'} {where}"]


def _along(sign: Sign, found: Evidence) -> float:
    """Motion the sign's way less half of that across it, in multiples of the noise."""
    if sign.opening:
        return (sign.opening * found.divergence - BLINK * max(0.0, -sign.up * found.up)) / found.noise
    along = sign.out * found.out + sign.up * found.up
    across = abs(sign.out * found.up - sign.up * found.out)
    return (along - _ACROSS * across) / found.noise


def _cosine(sign: Sign, found: Evidence) -> float:
    if sign.opening or not found.magnitude:
        return 0.0
    if side(found.region) is None and sign.out:  # an outward pull has no side on the midline
        return sign.up * found.up / found.magnitude
    return (sign.out * found.out + sign.up * found.up) / found.magnitude
