"""Check labels against motion, in both directions: does each listed unit move, does a unit explain each motion?"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deft.facs import codes
from deft.facs.regions import NEIGHBOURS, REGIONS, place, side
from deft.facs.units import UNITS, Sign, observable
from deft.motion.evidence import BLINK, Evidence

SUPPORTED, UNSUPPORTED, UNOBSERVABLE = "supported", "unsupported", "unobservable"
EXPLAINED, UNEXPLAINED, STILL = "explained", "unexplained", "still"

# (unit, side) → the probability that it moved, if it is as likely to have moved as not; side None is either side.
Scores = Mapping[tuple[int, str | None], float]
# Codes → the names of the regions whose motion is theirs.
Explain = Callable[[Sequence[codes.Code]], Collection[str]]

_ACROSS_WEIGHT = 0.5  # of motion across a sign's direction, against it: 12, 14, 15 and 20 share the mouth corners
_LEAST_COSINE = 0.5  # from which a region counts as moving in a sign's direction


class Reading(NamedTuple):
    """What a reader says of a flow field.

    scores: how likely each unit moved. moved: the units that the field shows whatever its sheet says. hidden: the units
    that it cannot show. noise_share: the share of the field's noise (`deft.motion.evidence.noise`) that is noise, since
    no unit explains it. log_odds: the logarithm of the odds that each unit moved on either side, if units move as often
    as in what the reader learned from. embedding: how the reader describes the field, (dim,); regions: how it describes
    each region of `deft.facs.regions.REGIONS`, (17, dim).
    """

    scores: Scores
    moved: frozenset[int]
    hidden: frozenset[int]
    noise_share: float
    log_odds: Mapping[int, float]
    embedding: npt.NDArray[np.float32]
    regions: npt.NDArray[np.float32]


class Reader(Protocol):
    """Reads units off a flow field, as the motion prior (`deft.prior`) does."""

    def read(self, flow: npt.NDArray[np.float32], points: npt.NDArray[np.float32], known: bool) -> Reading:
        """Read a field (H, W, 2), in px, with the landmarks (68, 2); ``known``: whether unit and landmarks are."""

    def explained(
        self, flow: npt.NDArray[np.float32], points: npt.NDArray[np.float32], moved: Sequence[codes.Code]
    ) -> frozenset[str]:
        """Return the names of the regions of a field whose motion these codes, all together, would show."""


class Calibration(NamedTuple):
    """Parameters of the score: it is 0.5 at a support of ``even_z``, and the steeper the larger ``slope``."""

    even_z: float
    slope: float


class Judged(NamedTuple):
    """A listed code with its score in [0, 1] and its verdict (supported | unsupported | unobservable)."""

    code: codes.Code
    score: float
    verdict: str


class Verification(NamedTuple):
    """The verdicts on a clip: of its ``aus`` as listed and of its ``regions`` by name; ``consistency`` is in [0, 1]."""

    aus: list[Judged]
    regions: dict[str, str]
    consistency: float


def support(unit: int, side_of_face: str | None, evidence: Mapping[str, Evidence]) -> float:
    """Return the motion in a unit's direction, in multiples of the clip's noise; negative against the direction.

    Unless ``side_of_face`` names one side ("R" or "L"), the stronger one counts: micro-expressions are often one-sided.
    """
    sides = [side_of_face] if side_of_face else ["R", "L"]
    return max(_side_support(UNITS[unit].signs, letter, evidence) for letter in sides)


def score(unit: int, side_of_face: str | None, evidence: Mapping[str, Evidence], calibration: Calibration) -> float:
    """Return the `probability` that a unit moved, from its `support`."""
    return probability(support(unit, side_of_face, evidence), calibration)


def probability(supported_z: float, calibration: Calibration) -> float:
    """Return the probability that a unit moved, given its support, if both were equally likely before.

    The probability is a logistic (Platt 1999) of the support's inverse hyperbolic sine, which is linear near the noise
    and logarithmic above it: the tenth multiple of the noise adds less than the third.
    """
    above = np.arcsinh(supported_z) - np.arcsinh(calibration.even_z)
    return float(1 / (1 + np.exp(-calibration.slope * above)))


def rule_scores(evidence: Mapping[str, Evidence], calibration: Calibration) -> Scores:
    """Return the `score` of every observable unit, by the signs of `deft.facs.units`, from evidence by region."""
    sides = (None, "R", "L")
    units = [unit for unit in UNITS if observable(unit)]
    return {(unit, side): score(unit, side, evidence, calibration) for unit in units for side in sides}


def verify(
    listed: Sequence[codes.Code],
    evidence: Mapping[str, Evidence],
    scores: Scores,
    supported: float,
    hidden: Collection[int] = (),
    explain: Explain | None = None,
) -> Verification:
    """Return the verdicts on every listed code and on every region.

    ``evidence`` is by region; ``supported`` is the score from which the motion supports a code; ``hidden`` are units
    that this clip cannot show, whatever its sheet says. ``explain`` tells which regions the supported codes explain
    (`Reader.explained`); without it the rules do (`explaining_code`).
    """
    judged = []
    for code in listed:
        judgeable = observable(code.unit) and not code.static and code.unit not in hidden
        judged.append(_judge(code, scores[code.unit, code.side] if judgeable else None, supported))
    aus = _settle_alternatives(judged)
    supported_codes = [judged.code for judged in aus if judged.verdict == SUPPORTED]
    if explain is None:
        explained = {region for region in REGIONS if explaining_code(supported_codes, evidence[region])}
    else:
        explained = {*explain(supported_codes)}
    verdicts = {region: _region_verdict(evidence[region], region in explained) for region in REGIONS}
    return Verification(aus, verdicts, _consistency(aus, verdicts, evidence))


def _judge(code: codes.Code, code_score: float | None, supported: float) -> Judged:
    """Return the verdict on a listed code; without a score the code is unobservable."""
    if code_score is None:
        return Judged(code, 0.0, UNOBSERVABLE)
    return Judged(code, code_score, SUPPORTED if code_score >= supported else UNSUPPORTED)


def _region_verdict(region: Evidence, explained: bool) -> str:
    """Return still, explained or unexplained for a region."""
    if region.level == "none":
        return STILL
    return EXPLAINED if explained else UNEXPLAINED


def explaining_code(candidates: Sequence[codes.Code], region: Evidence) -> codes.Code | None:
    """Return the code that explains a region best: one that acts there, else one that acts beside it, else None."""
    for near in (False, True):
        for code in candidates:
            if explains(code, region, near):
                return code
    return None


def explains(code: codes.Code, region: Evidence, near: bool) -> bool:
    """Return whether a unit moves this region in the measured direction; ``near``: also from a neighbouring place."""
    if code.side and side(region.region) not in (None, code.side):
        return False
    here = place(region.region)
    for sign in UNITS[code.unit].signs:
        places = {"upper lip", "lower lip"} if sign.place == "lips" else {sign.place}
        if here in places and _along(sign, region) > 0:
            return True
        around = frozenset().union(*(NEIGHBOURS[neighbour] for neighbour in places))
        # Lids or lips that open or close drag the skin on both sides along, in opposite directions.
        if near and here in around | places and (sign.opening or _cosine(sign, region) > _LEAST_COSINE):
            return True
    return False


def _settle_alternatives(aus: list[Judged]) -> list[Judged]:
    """Return the verdicts with unsupported alternatives made unobservable once one option is supported as a whole.

    A coder who writes "R6 or R12" is right if one of them moves.
    """
    options: dict[tuple[int, int | None], list[str]] = {}
    for judged in aus:
        if judged.code.alternative is not None:
            options.setdefault((judged.code.alternative, judged.code.option), []).append(judged.verdict)
    settled = {
        group for (group, _), verdicts in options.items() if SUPPORTED in verdicts and UNSUPPORTED not in verdicts
    }
    return [
        judged._replace(verdict=UNOBSERVABLE)
        if judged.verdict == UNSUPPORTED and judged.code.alternative in settled
        else judged
        for judged in aus
    ]


def _consistency(aus: Iterable[Judged], verdicts: Mapping[str, str], evidence: Mapping[str, Evidence]) -> float:
    """Return the mean score of observable codes times the share of all motion above noise that the codes explain."""
    scores = [judged.score for judged in aus if judged.verdict != UNOBSERVABLE]
    moving = {region: evidence[region].z for region, verdict in verdicts.items() if verdict != STILL}
    explained = sum(z for region, z in moving.items() if verdicts[region] == EXPLAINED)
    forward = float(np.mean(scores)) if scores else 1.0
    backward = explained / sum(moving.values()) if moving else 1.0
    return forward * backward


def _side_support(signs: Sequence[Sign], letter: str, evidence: Mapping[str, Evidence]) -> float:
    """Return the weighted mean motion in the directions of a unit's signs on one side ("R" or "L")."""
    total = sum(sign.weight for sign in signs)
    return sum(sign.weight * _along(sign, _at(sign.place, letter, evidence)) for sign in signs) / total


def _at(sign_place: str, letter: str, evidence: Mapping[str, Evidence]) -> Evidence:
    """Return the evidence at a sign's place, on this side ("R" or "L") unless the place is on the midline."""
    if sign_place == "lips":
        return evidence["lower lip"]
    side_word = "right" if letter == "R" else "left"
    return evidence.get(sign_place) or evidence[f"{side_word} {sign_place}"]


def _along(sign: Sign, region: Evidence) -> float:
    """Return the motion in a sign's direction less half of that across it, in multiples of the noise."""
    if sign.opening:
        return (sign.opening * region.divergence - BLINK * max(0.0, -sign.up * region.up)) / region.noise
    along = sign.out * region.out + sign.up * region.up
    across = abs(sign.out * region.up - sign.up * region.out)
    return (along - _ACROSS_WEIGHT * across) / region.noise


def _cosine(sign: Sign, region: Evidence) -> float:
    """Return the cosine between a sign's direction and a region's motion; 0 for openings and for no motion."""
    if sign.opening or not region.magnitude:
        return 0.0
    if side(region.region) is None and sign.out:  # on the midline, out has no side
        return sign.up * region.up / region.magnitude
    return (sign.out * region.out + sign.up * region.up) / region.magnitude
