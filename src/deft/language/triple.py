"""The triple (C, E, R) as text: evidence first, rationale next, category last.

::

    Evidence: right mouth corner up and out, strong, late; right cheek up, slight, late.
    Rationale: right mouth corner up and out and right cheek up: R12 lip corner puller; R12 speaks for happiness.
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
        f"{_moves(sights)}: {_unit_name(code)}" if sights else f"also {_unit_name(code)}" for code, sights in shown
    ]
    evidence = sorted([sight for _, sights in shown for sight in sights] + list(others), key=_from_the_top)
    because = "; ".join(arguments) or ("no unit explains the motion" if evidence else "nothing moves")
    codes = tuple(code for code, _ in shown)
    return Triple(emotion, codes, tuple(evidence), _concluding(because, codes, emotion))


def parse(text: str) -> Triple | None:
    """An answer's triple; None when the text does not follow the form or uses words outside its vocabulary."""
    found = _ANSWER.fullmatch(text.strip())
    if found is None:
        return None
    sights: list[Sight] = []
    for phrase in found["evidence"].split("; ") if found["evidence"] != NOTHING else []:
        sight = _SIGHT.fullmatch(phrase)
        if sight is None:
            return None
        sights.append(Sight(sight["region"], sight["direction"], sight["level"], sight["timing"]))
    said = [] if found["aus"] == NO_UNIT else found["aus"].split("+")
    if any(len(codes := parse_codes(code)) != 1 or codes[0].unit not in UNITS for code in said):
        return None
    return Triple(found["emotion"], tuple(said), tuple(sights), found["rationale"])


def phrases(sights: Sequence[Sight]) -> list[str]:
    """What each of the 17 regions shows, in their order: a sight's text, or ``<region> still``."""
    told = {sight.region: sight.text for sight in sights}
    return [told.get(region, f"{region} still") for region in REGIONS]


def concluded(text: str, emotion: str) -> str:
    """An answer that argues for each unit once, and ends in those units and in this class."""
    said = parse(text)
    if said is None:
        raise ValueError(f"not a whole triple: {text!r}")
    because = said.rationale[: said.rationale.rindex(VERDICT)].rpartition("; ")[0]
    argued: dict[str, dict[str, None]] = {}
    for clause in _CLAUSE.finditer(because):
        argued.setdefault(clause["unit"], {}).update(dict.fromkeys(_MOVE.findall(clause["moves"] or "")))
    if argued:
        because = "; ".join(f"{' and '.join(moves)}: {u}" if moves else f"also {u}" for u, moves in argued.items())
    codes = tuple(unit.split()[0] for unit in argued)
    return said._replace(emotion=emotion, aus=codes, rationale=_concluding(because, codes, emotion)).text


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


def _moves(sights: Sequence[Sight]) -> str:
    """Regions and directions as a clause, the two sides together where they do the same: ``both cheeks up``."""
    sides: dict[tuple[str, str], list[str]] = {}
    for sight in sights:
        sides.setdefault((place(sight.region), sight.direction), []).append(sight.region)
    return " and ".join(
        f"both {where}s {direction}" if len(regions) == 2 else f"{regions[0]} {direction}"
        for (where, direction), regions in sides.items()
    )


def _unit_name(code: str) -> str:
    return f"{code} {UNITS[parse_codes(code)[0].unit].name}"


_ANSWER = re.compile(
    r"Evidence: (?P<evidence>[^.]*)\.\s+Rationale: (?P<rationale>[^.]*)\.\s+"
    r"Category: (?P<emotion>[^;\n]+); (?P<aus>\S+)"
)
_SIGHT = re.compile(
    f"(?P<region>{any_of(REGIONS)}) (?P<direction>{any_of(DIRECTIONS)}), "
    f"(?P<level>{any_of(LEVELS[1:])}), (?P<timing>{any_of(TIMINGS)})"
)
_CLAUSE = re.compile(r"(?:(?P<moves>[^;:]+): |also )(?P<unit>[RL]?\d+ [^;:]+)")
_WHERE = any_of([*REGIONS, *(f"both {place(region)}s" for region in REGIONS)])
_MOVE = re.compile(f"(?:{_WHERE}) (?:{any_of(DIRECTIONS)})(?=$| and (?:{_WHERE}) )")
