"""What a rationale may argue: which units follow from the evidence stated, each from which of the regions named."""

from collections.abc import Collection, Sequence

from deft.facs import words
from deft.facs.codes import Code
from deft.facs.units import observable
from deft.language import triple
from deft.motion import verification
from deft.motion.evidence import Evidence


def arguable(sights: Sequence[triple.Sight], units: Collection[int]) -> dict[Code, list[triple.Sight]]:
    """Return the codes of these units that the sights support, ascending, each with the sights it may argue from.

    A code needs a sight at one of its own places that moves in its direction; then it may argue from neighbouring skin
    that moves with it, too (`deft.motion.verification.explains`).
    """
    support: dict[Code, list[triple.Sight]] = {}
    motions = {sight: _as_evidence(sight) for sight in sights}
    for unit in sorted(unit for unit in units if observable(unit)):
        for side in (None, "L", "R"):
            code = Code(unit, side)
            if any(verification.explains(code, motion, near=False) for motion in motions.values()):
                support[code] = [
                    sight for sight, motion in motions.items() if verification.explains(code, motion, near=True)
                ]
    return support


def _as_evidence(sight: triple.Sight) -> Evidence:
    """Return a sight as evidence of unit length and noise."""
    out, up, opening = words.motion(sight.direction)
    return Evidence(
        region=sight.region,
        dx=out,
        dy=-up,
        out=out,
        up=up,
        magnitude=float(opening == 0),
        z=1.0,
        direction=sight.direction,
        concentration=1.0,
        divergence=opening,
        level=sight.level,
        rise=0.0,
        peak=0.0,
        noise=1.0,
    )
