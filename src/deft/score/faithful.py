"""Words against motion: does an answer name what was measured, and argue from nothing else?"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deft.facs.codes import parse
from deft.facs.units import UNITS

_NAMED = re.compile(r"[RL]?\d+(?= (?:" + "|".join(sorted((unit.name for unit in UNITS.values()), key=len)) + "))")


def evidence_f1(said: Sequence[Iterable[Mapping[str, Any]]], measured: Sequence[Iterable[Mapping[str, Any]]]) -> float:
    """F1 of (region, direction) pairs, said against measured, pooled over clips."""
    pairs = [({_pair(s) for s in a}, {_pair(s) for s in b}) for a, b in zip(said, measured, strict=True)]
    total = sum(len(a) + len(b) for a, b in pairs)
    return 2 * sum(len(a & b) for a, b in pairs) / total if total else 1.0


def unsupported_rate(rationales: Sequence[str], supported: Sequence[Iterable[int]]) -> float:
    """The share of units named in rationales that the clip's motion does not support."""
    named = [
        (unit, held)
        for rationale, held in zip(rationales, map(set, supported), strict=True)
        for unit in {code.unit for text in _NAMED.findall(rationale) for code in parse(text)}
    ]
    return sum(unit not in held for unit, held in named) / len(named) if named else 0.0


def _pair(sight: Mapping[str, Any]) -> tuple[str, str]:
    return sight["region"], sight["direction"]
