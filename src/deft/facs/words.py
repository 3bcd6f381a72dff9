"""The vocabulary of evidence: levels, directions and timings. Texts use no other words for them."""

import math

from deft.facs.regions import side

LEVELS = ("none", "slight", "clear", "strong")
SIDE_DIRECTIONS = ("up", "up and out", "out", "down and out", "down", "down and in", "in", "up and in")
MIDLINE_DIRECTIONS = ("up", "up and left", "left", "down and left", "down", "down and right", "right", "up and right")
OPENING = ("opening", "closing")
DIRECTIONS = (*SIDE_DIRECTIONS, *MIDLINE_DIRECTIONS, *OPENING)
TIMINGS = ("early", "midway", "late")


def directions(region: str) -> tuple[str, ...]:
    """Return a region's eight directions, clockwise from up; on the midline, left and right are the subject's."""
    return MIDLINE_DIRECTIONS if side(region) is None else SIDE_DIRECTIONS


def motion(direction: str) -> tuple[float, float, float]:
    """Return a direction as ``out`` (on the midline: the subject's left), ``up`` and ``opening``, each in [-1, 1]."""
    if direction in OPENING:
        return 0.0, 0.0, 1.0 if direction == "opening" else -1.0
    octants = SIDE_DIRECTIONS if direction in SIDE_DIRECTIONS else MIDLINE_DIRECTIONS
    angle = math.pi / 4 * octants.index(direction)  # clockwise from up
    return math.sin(angle), math.cos(angle), 0.0


def timing(peak: float) -> str:
    """Return early, midway or late for the fraction of the time from onset to apex at which a motion is largest."""
    if peak < 0.5:
        return TIMINGS[0]
    if peak < 0.85:
        return TIMINGS[1]
    return TIMINGS[2]
