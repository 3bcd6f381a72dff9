"""Write a triple from verified evidence: only units that both the labels and the motion support."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from deft.facs.codes import Code
from deft.language import triple
from deft.motion import verification
from deft.motion.evidence import Evidence


class Composed(NamedTuple):
    """A triple, and what the motion shows without the labels.

    phrases: one phrase for each of the 17 regions (`deft.language.triple.phrases`).
    moving: the units that the motion supports, listed or not.
    """

    triple: triple.Triple
    phrases: list[str]
    moving: list[int]

    def columns(self) -> dict[str, object]:
        """Return the columns of `deft.core.schemas.TRIPLES` that this decides."""
        text = self.triple.text
        return {
            "aus": self.triple.code_texts,
            "moving": self.moving,
            "seen": self.phrases,
            "evidence": [sight._asdict() for sight in self.triple.evidence],
            "rationale": self.triple.rationale,
            "category": self.triple.category,
            "target": text,
            "messages": [{"role": "user", "content": triple.TASK}, {"role": "assistant", "content": text}],
        }


def compose(
    emotion: str,
    evidence: Mapping[str, Evidence],
    codes: Sequence[Code],
    *,
    labelled: bool,
    regions: int,
    moving: Sequence[int],
) -> Composed:
    """Return the triple of a clip, written from its evidence by region and the codes that it names.

    At most ``regions`` regions are named, the strongest first. Without any listed code (``labelled`` false) all of them
    are named; else only those that a supported code explains. ``moving`` are the units that the motion supports, listed
    or not.
    """
    above_noise = [region for region in evidence.values() if region.level != "none"]
    strongest = sorted(above_noise, key=lambda region: -region.z)[:regions]
    best_code = {region.region: verification.explaining_code(codes, region) for region in strongest}
    reasons: dict[Code, list[triple.Sight]] = {}
    for code in sorted(set(codes), key=lambda code: (code.unit, code.side or "")):
        explained = [_sight(region) for region in strongest if best_code[region.region] == code]
        named = Code(code.unit, code.side)  # answers name no more of a code, so two may be one: T24 and B24
        reasons.setdefault(named, []).extend(explained)
    unexplained = [] if labelled else [_sight(region) for region in strongest]
    return Composed(
        triple=triple.write(emotion, list(reasons.items()), unexplained),
        phrases=triple.phrases([_sight(region) for region in above_noise]),
        moving=list(moving),
    )


def _sight(region: Evidence) -> triple.Sight:
    return triple.Sight(region.region, region.direction, region.level, region.timing)
