"""Action Units: muscle, place and the motion each must show (FACS 2002; Ekman, Friesen, Hager).

Directions are in face axes, on the subject's side: ``out`` is away from the midline, ``up`` towards the brow.
``opening`` is a relative motion of the two lids or of the two lips: +1 apart, -1 together. With ``up`` beside it, their
middle must not move in the opposite direction: a tightened lower lid lifts it, a blink's upper lid lowers it.
"""

from typing import NamedTuple


class Sign(NamedTuple):
    """One motion that a unit shows, at a place (without its side); ``weight`` is its share of the unit's evidence."""

    place: str
    out: float = 0.0
    up: float = 0.0
    opening: float = 0.0
    weight: float = 1.0


class Unit(NamedTuple):
    """An Action Unit. A unit without ``signs`` is unobservable: the flow of a frontal clip cannot show it."""

    number: int
    name: str
    muscle: str
    signs: tuple[Sign, ...] = ()


def _up(place: str, weight: float = 1.0) -> Sign:
    return Sign(place, up=1.0, weight=weight)


def _down(place: str, weight: float = 1.0) -> Sign:
    return Sign(place, up=-1.0, weight=weight)


_DIAGONAL = 0.7071

_ALL = (
    Unit(1, "inner brow raiser", "frontalis, medial part", (_up("inner brow"), _up("glabella", 0.5))),
    Unit(2, "outer brow raiser", "frontalis, lateral part", (_up("outer brow"),)),
    Unit(
        4,
        "brow lowerer",
        "corrugator, procerus, depressor supercilii",
        (Sign("inner brow", out=-_DIAGONAL, up=-_DIAGONAL), _down("glabella", 0.5)),
    ),
    Unit(5, "upper lid raiser", "levator palpebrae", (Sign("eye", opening=1.0),)),
    Unit(6, "cheek raiser", "orbicularis oculi, orbital part", (_up("cheek"),)),
    Unit(7, "lid tightener", "orbicularis oculi, palpebral part", (Sign("eye", up=1.0, opening=-1.0),)),
    Unit(
        9,
        "nose wrinkler",
        "levator labii superioris alaeque nasi",
        (_up("nasal wing"), _up("nose root")),
    ),
    Unit(10, "upper lip raiser", "levator labii superioris", (_up("upper lip"), _up("nasal wing", 0.5))),
    Unit(
        12,
        "lip corner puller",
        "zygomaticus major",
        (Sign("mouth corner", out=_DIAGONAL, up=_DIAGONAL), _up("cheek", 0.25)),
    ),
    Unit(14, "dimpler", "buccinator", (Sign("mouth corner", out=-1.0),)),
    Unit(15, "lip corner depressor", "depressor anguli oris", (_down("mouth corner"),)),
    Unit(16, "lower lip depressor", "depressor labii inferioris", (_down("lower lip"),)),
    Unit(17, "chin raiser", "mentalis", (_up("chin"), _up("lower lip", 0.5))),
    Unit(18, "lip pucker", "incisivii labii", (Sign("mouth corner", out=-1.0), Sign("lips", opening=1.0, weight=0.25))),
    Unit(20, "lip stretcher", "risorius, platysma", (Sign("mouth corner", out=1.0),)),
    Unit(22, "lip funneler", "orbicularis oris", (Sign("lips", opening=1.0), Sign("mouth corner", out=-1.0))),
    Unit(23, "lip tightener", "orbicularis oris", (Sign("lips", opening=-1.0),)),
    Unit(24, "lip presser", "orbicularis oris", (Sign("lips", opening=-1.0),)),
    Unit(25, "lips part", "depressor labii inferioris, or relaxed mentalis", (Sign("lips", opening=1.0),)),
    Unit(26, "jaw drop", "relaxed masseter", (Sign("lips", opening=1.0), _down("chin"))),
    Unit(27, "mouth stretch", "pterygoids, digastric", (Sign("lips", opening=1.0), _down("chin"))),
    Unit(28, "lip suck", "orbicularis oris", (Sign("lips", opening=-1.0),)),
    Unit(38, "nostril dilator", "nasalis, alar part", (Sign("nasal wing", out=1.0),)),
    Unit(39, "nostril compressor", "nasalis, transverse part", (Sign("nasal wing", out=-1.0),)),
    Unit(43, "eyes closed", "relaxed levator palpebrae", (Sign("eye", up=-1.0, opening=-1.0),)),
    Unit(45, "blink", "relaxed levator palpebrae", (Sign("eye", up=-1.0, opening=-1.0),)),
    Unit(8, "lips toward each other", "orbicularis oris"),
    Unit(11, "nasolabial deepener", "zygomaticus minor"),
    Unit(13, "sharp lip puller", "levator anguli oris"),
    Unit(21, "neck tightener", "platysma"),
)

UNITS: dict[int, Unit] = {unit.number: unit for unit in sorted(_ALL)}

# Eyelid closure is everyday behaviour, not expression: evidence may name it, but it speaks for no class.
BLINKS = frozenset({43, 45})


def observable(unit: int) -> bool:
    """Return whether the flow of a frontal clip can show this unit."""
    return unit in UNITS and bool(UNITS[unit].signs)


EXPRESSIVE = tuple(unit for unit in UNITS if observable(unit) and unit not in BLINKS)  # the units that models predict
