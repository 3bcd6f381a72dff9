"""The triple (C, E, R) as text: first the evidence, then the rationale, then the category.

::

    Evidence: right mouth corner up and out, strong, late; right cheek up, slight, late.
    Rationale: right cheek up and right mouth corner up and out: R12 lip corner puller; R12 speaks for happiness.
    Category: happiness; R12
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from deft.facs.codes import Code
from deft.facs.grammar import parse as parse_codes
from deft.facs.regions import REGIONS, place
from deft.facs.units import UNITS
from deft.facs.words import DIRECTIONS, LEVELS, TIMINGS

TASK = "Which micro-expression is this? Name the evidence, the rationale and the category."
NOTHING = "no region moves above the noise"
UNEXPLAINED, STILL = "no unit explains the motion", "nothing moves"  # rationales without a unit
NO_UNIT = "none"
VERDICT = " speaks for "


class Sight(NamedTuple):
    """One region's motion in words (`deft.facs.words`)."""

    region: str
    direction: str
    level: str
    timing: str

    @property
    def text(self) -> str:
        """Return the motion as text: ``left cheek up, slight, late``."""
        return f"{self.region} {self.direction}, {self.level}, {self.timing}"


class Triple(NamedTuple):
    """Category (``emotion`` and ``aus``), evidence and rationale."""

    emotion: str
    aus: tuple[Code, ...]
    evidence: tuple[Sight, ...]
    rationale: str

    @property
    def code_texts(self) -> list[str]:
        """Return the Action Units as answers name them: ``["6", "R12"]``."""
        return [code_text(code) for code in self.aus]

    @property
    def category(self) -> str:
        """Return C as text: ``happiness; 6+R12``."""
        return category_text(self.emotion, self.code_texts)

    @property
    def text(self) -> str:
        """Return the whole answer as the model writes it."""
        evidence = "; ".join(sight.text for sight in self.evidence) or NOTHING
        return f"Evidence: {evidence}.\nRationale: {self.rationale}.\nCategory: {self.category}"


def write(emotion: str, reasons: Sequence[tuple[Code, Sequence[Sight]]], unexplained: Sequence[Sight] = ()) -> Triple:
    """Return a triple that argues from evidence, named from brow to chin, over units to the class.

    ``reasons`` pairs each code with the sights that it explains; no code explains the sights in ``unexplained``.
    """
    clauses = [_clause(code, sights) for code, sights in reasons]
    explained = [sight for _, sights in reasons for sight in sights]
    evidence = sorted([*explained, *unexplained], key=_from_the_top)
    argument = "; ".join(clauses) or (UNEXPLAINED if evidence else STILL)
    aus = tuple(code for code, _ in reasons)
    return Triple(emotion, aus, tuple(evidence), _rationale(argument, [code_text(code) for code in aus], emotion))


def parse(text: str) -> Triple | None:
    """Return an answer's triple; None where the text does not follow the form or uses words outside its vocabulary."""
    answer = _ANSWER.fullmatch(text.strip())
    if answer is None:
        return None
    sights, aus = _sights(answer["evidence"]), _codes(answer["aus"])
    if sights is None or aus is None:
        return None
    return Triple(answer["emotion"], aus, sights, answer["rationale"])


def phrases(sights: Sequence[Sight]) -> list[str]:
    """Return one phrase for each of the 17 regions, in their order: a sight's text, or ``<region> still``."""
    texts = {sight.region: sight.text for sight in sights}
    return [texts.get(region, f"{region} still") for region in REGIONS]


def moving(phrases: Iterable[str]) -> list[Sight]:
    """Return the sights among `phrases`: those of the regions that are not still."""
    matches = [_SIGHT.fullmatch(phrase) for phrase in phrases]
    return [Sight(**match.groupdict()) for match in matches if match]


def parse_evidence(text: str) -> tuple[Sight, ...]:
    """Return the evidence of an answer, also of one that is still being written.

    Raises:
        ValueError: the text does not begin with evidence in its form.

    """
    start = _EVIDENCE.match(text.strip())
    sights = start and _sights(start["evidence"])
    if sights is None:
        raise ValueError(f"no evidence: {text!r}")
    return sights


def concluded(argued: str, emotion: str) -> str:
    """Return the rest of an answer that ends in its argument: the units argued for, this class and the category."""
    rationale_so_far = argued[argued.rindex("Rationale: ") :]
    codes = [match["code"] for match in _ARGUED.finditer(rationale_so_far)]
    return f"{_rationale(argued, codes, emotion)}.\nCategory: {category_text(emotion, codes)}"


def moves(sights: Sequence[Sight]) -> list[str]:
    """Return regions and directions from brow to chin, two sides together if they do the same: ``both cheeks up``."""
    sides: dict[tuple[str, str], list[str]] = {}
    for sight in sorted(sights, key=_from_the_top):
        sides.setdefault((place(sight.region), sight.direction), []).append(sight.region)
    return [
        f"both {where}s {direction}" if len(regions) == 2 else f"{regions[0]} {direction}"
        for (where, direction), regions in sides.items()
    ]


def category_text(emotion: str, codes: Sequence[str]) -> str:
    """Return a category from its codes' texts: ``happiness; 6+R12``."""
    return f"{emotion}; {'+'.join(codes) or NO_UNIT}"


def unit_name(code: Code) -> str:
    """Return a code's text with its unit's name: ``R12 lip corner puller``."""
    return f"{code_text(code)} {UNITS[code.unit].name}"


def code_text(code: Code) -> str:
    """Return a code as the answers name it: side and unit alone, ``R12``."""
    return f"{code.side or ''}{code.unit}"


def any_of(phrases: Iterable[str]) -> str:
    """Return a regular expression for one of these phrases, the longer before the shorter that it begins with."""
    return "|".join(sorted(map(re.escape, phrases), key=len, reverse=True))


def _clause(code: Code, sights: Sequence[Sight]) -> str:
    """Return the clause that argues for a code from its sights: ``right cheek up: R6 cheek raiser``."""
    if not sights:
        return f"also {unit_name(code)}"
    return f"{' and '.join(moves(sights))}: {unit_name(code)}"


def _rationale(argument: str, codes: Sequence[str], emotion: str) -> str:
    """Return a rationale without its full stop: the argument, then the codes and the class that they speak for."""
    return f"{argument}; {'+'.join(codes) or 'this'}{VERDICT}{emotion}"


def _from_the_top(sight: Sight) -> int:
    """Return the sort key that orders sights from brow to chin."""
    return REGIONS.index(sight.region)


def _sights(evidence: str) -> tuple[Sight, ...] | None:
    """Parse the evidence of an answer; None where a phrase is no sight."""
    if evidence == NOTHING:
        return ()
    sights = []
    for phrase in evidence.split("; "):
        match = _SIGHT.fullmatch(phrase)
        if match is None:
            return None
        sights.append(Sight(**match.groupdict()))
    return tuple(sights)


def _codes(aus: str) -> tuple[Code, ...] | None:
    """Parse the Action Units of a category; None where one is unknown."""
    codes: list[Code] = []
    for text in [] if aus == NO_UNIT else aus.split("+"):
        parsed = parse_codes(text)
        if len(parsed) != 1 or parsed[0].unit not in UNITS:
            return None
        codes += parsed
    return tuple(codes)


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
