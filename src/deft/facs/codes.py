"""Codes of FACS as typed values, and their canonical text (Ekman, Friesen, Hager 2002)."""

from collections.abc import Iterable
from typing import NamedTuple

# Every number that FACS 2002 defines: Action Units, descriptors (29-37), head (51-58) and eye positions (61-66), gross
# behaviour (40, 50, 80-82, 84, 85, 91, 92, 97, 98) and visibility (70-74).
INVENTORY = frozenset(
    {1, 2, *range(4, 47), *range(50, 59), *range(61, 67), *range(68, 75), 80, 81, 82, 84, 85, 91, 92, 97, 98}
)


class Code(NamedTuple):
    """One unit as a coder wrote it.

    ``side`` is the subject's ("R" or "L"; None: both); ``part`` is the lip's ("T" or "B"). Codes that share an
    ``alternative`` exclude each other unless they also share an ``option``: one option of the group is meant.
    """

    unit: int
    side: str | None = None
    asymmetric: bool = False
    part: str | None = None
    intensity: str | None = None
    static: bool = False
    referenced: bool = False
    alternative: int | None = None
    option: int | None = None


class Unread(NamedTuple):
    """A piece of a cell that is no code, and the reason."""

    text: str
    reason: str


class Cell(NamedTuple):
    """A parsed cell of a sheet: its codes, and the pieces that are no codes."""

    codes: list[Code]
    unread: list[Unread]

    @property
    def note(self) -> str:
        """Return the unread pieces as text: ``"soft focus": no code; "?": uncertain``."""
        return "; ".join(f'"{piece.text}": {piece.reason}' for piece in self.unread)


def text(codes: Iterable[Code]) -> str:
    """Return the canonical text of codes: ``4+L10A``, ``(R6 or R12)+R15``, ``ref(24)``, ``12(k)``."""
    parts: list[str] = []
    group: dict[int, dict[int, list[str]]] = {}
    places: dict[int, int] = {}
    for code in codes:
        written = _text(code)
        if code.alternative is None:
            parts.append(written)
            continue
        if code.alternative not in group:
            places[code.alternative] = len(parts)
            parts.append("")
        group.setdefault(code.alternative, {}).setdefault(code.option or 0, []).append(written)
    for alternative, options in group.items():
        joined = [f"({'+'.join(option)})" if len(option) > 1 else option[0] for option in options.values()]
        parts[places[alternative]] = f"({' or '.join(joined)})" if len(joined) > 1 else joined[0]
    return "+".join(parts)


def _text(code: Code) -> str:
    """Return the canonical text of one code, without its alternatives."""
    asymmetry = ""
    if code.asymmetric:
        asymmetry = "A/" if code.side else "A"
    written = f"{asymmetry}{code.side or ''}{code.part or ''}{code.unit}"
    if code.intensity:
        written += f"({code.intensity})" if "/" in code.intensity else code.intensity
    if code.static:
        written += "(k)"
    return f"ref({written})" if code.referenced else written
