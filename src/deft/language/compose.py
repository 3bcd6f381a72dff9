"""From verified evidence to a triple: what both the labels and the motion support, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from deft.facs.codes import Code
from deft.facs.units import UNITS, observable
from deft.language import triple
from deft.motion import verification
from deft.motion.evidence import Evidence


class Composed(NamedTuple):
    """A triple, what ``seen`` says of each region (a phrase each), and which units are ``moving``, listed or not."""

    triple: triple.Triple
    seen: list[str]
    moving: list[int]


def compose(
    emotion: str,
    evidence: Mapping[str, Evidence],
    held: Sequence[Code],
    *,
    labelled: bool,
    regions: int,
    calibration: verification.Calibration,
    supported: float,
) -> Composed:
    """The triple of a clip from its evidence by region and the codes that the motion was found to support.

    At most ``regions`` regions are named, the strongest first. Without any listed code (``labelled`` false) all of them
    are; else only those that a held code explains.
    """
    moving = [found for found in evidence.values() if found.level != "none"]
    strongest = sorted(moving, key=lambda found: -found.z)[:regions]
    reasons = {found.region: verification.reason(held, found) for found in strongest}
    shown: dict[str, list[triple.Sight]] = {}
    for code in sorted(set(held), key=lambda code: (code.unit, code.side or "")):  # two may read alike: T24 and B24
        own = [_sight(found) for found in strongest if reasons[found.region] == code]
        shown.setdefault(triple.code_text(code), []).extend(own)
    told = triple.write(emotion, list(shown.items()), [] if labelled else [_sight(found) for found in strongest])
    scores = {unit: verification.score(unit, None, evidence, calibration) for unit in UNITS if observable(unit)}
    return Composed(
        told,
        triple.phrases([_sight(found) for found in moving]),
        [unit for unit, score in scores.items() if score >= supported],
    )


def _sight(found: Evidence) -> triple.Sight:
    return triple.Sight(found.region, found.direction, found.level, found.timing)
