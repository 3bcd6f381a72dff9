"""What evidence that has been told lets a rationale argue: which units, each from which of the regions named."""

from collections.abc import Collection, Sequence

from deft.facs import words
from deft.facs.codes import Code
from deft.facs.units import observable
from deft.language import triple
from deft.motion import verification
from deft.motion.evidence import Evidence


def arguable(told: Sequence[triple.Sight], units: Collection[int]) -> dict[Code, list[triple.Sight]]:
    """Codes of these units for which told evidence speaks, ascending, each with the sights that it may argue from.

    A code needs a sight at its own place that goes its way; then it may argue from what it drags along beside it, too
    (`deft.motion.verification.explains`).
    """
    found = {}
    seen = {sight: _as_measured(sight) for sight in told}
    for unit in sorted(unit for unit in units if observable(unit)):
        for side in (None, "L", "R"):
            code = Code(unit, side)
            if any(verification.explains(code, motion, near=False) for motion in seen.values()):
                own = [sight for sight, motion in seen.items() if verification.explains(code, motion, near=True)]
                found[code] = own
    return found


def _as_measured(sight: triple.Sight) -> Evidence:
    """A sight's words as a motion of length one."""
    out, up, opening = words.motion(sight.direction)
    length = float(opening == 0)
    said = {"region": sight.region, "direction": sight.direction, "level": sight.level}
    moved = {"out": out, "up": up, "divergence": opening, "magnitude": length, "dx": out, "dy": -up}
    return Evidence(**said, **moved, z=1.0, noise=1.0, concentration=1.0, rise=0.0, peak=0.0)  # type: ignore[arg-type]
