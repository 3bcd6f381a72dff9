"""The triple (C, E, R) as text: evidence first, rationale next, category last.

::

    Evidence: right mouth corner up and out, strong, late; right cheek up, slight, late.
    Rationale: right cheek up and right mouth corner up and out: R12 lip corner puller; R12 speaks for happiness.
    Category: happiness; R12
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from deft.facs.codes import Code
from deft.facs.codes import parse as parse_codes
from deft.facs.regions import REGIONS, place
from deft.facs.units import UNITS
from deft.facs.words import DIRECTIONS, LEVELS, TIMINGS

TASK = "Which micro-expression is this? Name the evidence, the rationale and the category."
NOTHING = "no region moves above the noise"
UNEXPLAINED, STILL = "no unit explains the motion", "nothing moves"  # rationales without a unit
NO_UNIT = "none"
VERDICT = " speaks for "


class Sight(NamedTuple):
    """One region's motion in words."""

    region: str
    direction: str
    level: str
    timing: str

    @property
    def text(self) -> str:
        """``left cheek up, slight, late``."""
        return f"{self.region} {self.direction}, {self.level}, {self.timing}"


class Triple(NamedTuple):
    """Category (``emotion`` and ``aus``, canonical FACS codes), evidence and rationale."""

    emotion: str
    aus: tuple[str, ...]
    evidence: tuple[Sight, ...]
    rationale: str

    @property
    def category(self) -> str:
        """C as text: ``happiness; 6+R12``."""
        return f"{self.emotion}; {'+'.join(self.aus) or NO_UNIT}"

    @property
    def text(self) -> str:
        """The whole answer as the model writes it."""
        seen = "; ".join(sight.text for sight in self.evidence) or NOTHING
        return f"Evidence: {seen}.\nRationale: {self.rationale}.\nCategory: {self.category}"


def write(emotion: str, shown: Sequence[tuple[str, Sequence[Sight]]], others: Sequence[Sight] = ()) -> Triple:
    """A triple that argues from evidence, told from brow to chin, over units to the class.

    ``shown`` pairs each code with the sights that it explains; ``others`` are sights that no code explains.
    """
    arguments = [
        f"{' and '.join(moves(sights))}: {unit_name(code)}" if sights else f"also {unit_name(code)}"
        for code, sights in shown
    ]
    evidence = sorted([sight for _, sights in shown for sight in sights] + list(others), key=_from_the_top)
    because = "; ".join(arguments) or (UNEXPLAINED if evidence else STILL)
    codes = tuple(code for code, _ in shown)
    return Triple(emotion, codes, tuple(evidence), _concluding(because, codes, emotion))


def parse(text: str) -> Triple | None:
    """An answer's triple; None when the text does not follow the form or uses words outside its vocabulary."""
    found = _ANSWER.fullmatch(text.strip())
    sights = found and _sights(found["evidence"])
    if found is None or sights is None:
        return None
    said = [] if found["aus"] == NO_UNIT else found["aus"].split("+")
    if any(len(codes := parse_codes(code)) != 1 or codes[0].unit not in UNITS for code in said):
        return None
    return Triple(found["emotion"], tuple(said), sights, found["rationale"])


def phrases(sights: Sequence[Sight]) -> list[str]:
    """What each of the 17 regions shows, in their order: a sight's text, or ``<region> still``."""
    told = {sight.region: sight.text for sight in sights}
    return [told.get(region, f"{region} still") for region in REGIONS]


def moving(phrases: Iterable[str]) -> list[Sight]:
    """The sights among `phrases`: what regions show that are not still."""
    return [Sight(**found.groupdict()) for phrase in phrases if (found := _SIGHT.fullmatch(phrase))]


def told(text: str) -> tuple[Sight, ...]:
    """The evidence of an answer, or of one that is still being written.

    Raises ValueError where the text does not begin with evidence in its form.
    """
    found = _EVIDENCE.match(text.strip())
    sights = found and _sights(found["evidence"])
    if sights is None:
        raise ValueError(f"no evidence: {text!r}")
    return sights


def concluded(argued: str, emotion: str) -> str:
    """An answer whose evidence and argument are written, ended in the units it argues for, and in this class."""
    codes = [found["code"] for found in _ARGUED.finditer(argued[argued.rindex("Rationale: ") :])]
    return f"{_concluding(argued, codes, emotion)}.\nCategory: {emotion}; {'+'.join(codes) or NO_UNIT}"


def moves(sights: Sequence[Sight]) -> list[str]:
    """Regions and directions from brow to chin, two sides together where they do the same: ``both cheeks up``."""
    sides: dict[tuple[str, str], list[str]] = {}
    for sight in sorted(sights, key=_from_the_top):
        sides.setdefault((place(sight.region), sight.direction), []).append(sight.region)
    return [
        f"both {where}s {direction}" if len(regions) == 2 else f"{regions[0]} {direction}"
        for (where, direction), regions in sides.items()
    ]


def unit_name(code: str) -> str:
    """A code's text with its unit's name: ``R12 lip corner puller``."""
    return f"{code} {UNITS[parse_codes(code)[0].unit].name}"


def code_text(code: Code) -> str:
    """A code as the answers name it: side and unit alone, ``R12``."""
    return f"{code.side or ''}{code.unit}"


def any_of(phrases: Iterable[str]) -> str:
    """A regular expression for one of these phrases, the longer before the shorter that it begins with."""
    return "|".join(sorted(map(re.escape, phrases), key=len, reverse=True))


def _concluding(because: str, codes: Sequence[str], emotion: str) -> str:
    return f"{because}; {'+'.join(codes) or 'this'}{VERDICT}{emotion}"


def _from_the_top(sight: Sight) -> int:
    return REGIONS.index(sight.region)


def _sights(told: str) -> tuple[Sight, ...] | None:
    found = [_SIGHT.fullmatch(phrase) for phrase in told.split("; ")] if told != NOTHING else []
    named = [each.group("region", "direction", "level", "timing") for each in found if each]
    return tuple(Sight(*each) for each in named) if len(named) == len(found) else None


_ANSWER = re.compile(
    r"Evidence: (?P<evidence>[^.]*)\.\s+Rationale: (?P<rationale>[^.]*)\.\s+"
    r"Category: (?P<emotion>[^;\n]+); (?P<aus>\S+)"
)
_SIGHT = re.compile(
    f"(?P<region>{any_of(REGIONS)}) (?P<direction>{any_of(DIRECTIONS)}), "
    f"(?P<level>{any_of(LEVELS[1:])}), (?P<timing>{any_of(TIMINGS)})"
)
_EVIDENCE = re.compile(r"Evidence: (?P<evidence>[^.]*)\.")
_ARGUED = re.compile(f"(?P<code>[RL]?\\d+) (?:{any_of(unit.name for unit in UNITS.values())})")
