"""The words that evidence is told in: levels, directions, timings. Texts use no others."""

import math

from deft.facs.regions import side

LEVELS = ("none", "slight", "clear", "strong")
WAYS = ("up", "up and out", "out", "down and out", "down", "down and in", "in", "up and in")
MIDLINE_WAYS = ("up", "up and left", "left", "down and left", "down", "down and right", "right", "up and right")
OPENING = ("opening", "closing")
DIRECTIONS = (*WAYS, *MIDLINE_WAYS, *OPENING)
TIMINGS = ("early", "midway", "late")


def ways(region: str) -> tuple[str, ...]:
    """Eight directions clockwise from up; on the midline the sides are the subject's left and right."""
    return MIDLINE_WAYS if side(region) is None else WAYS


def motion(direction: str) -> tuple[float, float, float]:
    """A direction as ``out`` (on the midline: the subject's left), ``up`` and ``opening``, each in [-1, 1]."""
    if direction in OPENING:
        return 0.0, 0.0, 1.0 if direction == "opening" else -1.0
    turn = math.pi / 4 * (WAYS if direction in WAYS else MIDLINE_WAYS).index(direction)
    return math.sin(turn), math.cos(turn), 0.0


def timing(peak: float) -> str:
    """The fraction of the way from onset to apex at which a motion is largest, as a word."""
    return TIMINGS[0 if peak < 0.5 else 1 if peak < 0.85 else 2]
