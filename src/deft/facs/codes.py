"""The grammar of FACS codes as label sheets write them (Ekman, Friesen, Hager 2002; the sheets' own habits).

``4+L10`` · ``R6+R12`` · ``A14C`` · ``12A`` · ``14(B/C)`` · ``T23`` · ``(R6 or R12) + R15`` ·
``ref(24)`` · ``AU4(k)`` · ``M57``.
An ``or`` binds tighter than a ``+``, so ``4+R12 or L14`` is 4 and one of R12, L14.
"""

import math
import re
import unicodedata
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


class Cell(NamedTuple):
    """A cell of a sheet, read: its codes, and in ``note`` whatever is not a code."""

    codes: list[Code]
    note: str


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<static>\(k\))
    |(?P<ref>ref(?=\s*\())
    |(?P<or>or(?![a-z]))
    |(?P<open>\()|(?P<close>\))|(?P<plus>[+,;、])
    |(?P<code>(?:AU|AD|M)?\s*(?P<asym>A/?)?(?P<side>[RLTB])?(?P<unit>\d{1,3})(?!\d)
        (?:\.0)?\s*(?P<intensity>[A-E](?:/[A-E])?|\([A-E](?:/[A-E])?\))?(?![\w.]))
    |(?P<word>[^\s+,;()、]+)""",
    re.VERBOSE | re.IGNORECASE,
)


def parse(cell: object) -> list[Code]:
    """Codes of a cell, in the order written; ``[]`` for an empty one. Never raises; `read` tells what was left out."""
    return read(cell).codes


def read(cell: object) -> Cell:
    """Codes and note of a cell (text, int, float or None), for example ``read("4+L10 ?")``."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return Cell([], "")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return _Reader(unicodedata.normalize("NFKC", str(cell))).read()


def text(codes: Iterable[Code]) -> str:
    """Canonical text of codes: ``4+L10A``, ``(R6 or R12)+R15``, ``ref(24)``, ``12(k)``."""
    parts: list[str] = []
    group: dict[int, dict[int, list[str]]] = {}
    places: dict[int, int] = {}
    for code in codes:
        written = f"{'A/' if code.asymmetric and code.side else 'A' if code.asymmetric else ''}"
        written += f"{code.side or ''}{code.part or ''}{code.unit}"
        if code.intensity:
            written += f"({code.intensity})" if "/" in code.intensity else code.intensity
        written += "(k)" if code.static else ""
        written = f"ref({written})" if code.referenced else written
        if code.alternative is None:
            parts.append(written)
            continue
        if code.alternative not in group:
            places[code.alternative] = len(parts)
            parts.append("")
        group.setdefault(code.alternative, {}).setdefault(code.option or 0, []).append(written)
    for alternative, options in group.items():
        joined = [f"({'+'.join(option)})" if len(option) > 1 else option[0] for option in options.values()]
        parts[places[alternative]] = f"({' or '.join(joined)})"
    return "+".join(parts)


_DEEPEST = 20  # brackets in brackets: more are no code of any coder


class _Reader:
    """Recursive descent over the tokens; whatever does not fit becomes part of the note."""

    def __init__(self, source: str) -> None:
        self.tokens = [(_kind(m), m) for m in _TOKEN.finditer(source) if not m["space"]]
        self.at = 0
        self.note: list[str] = []
        self.groups = 0
        self.depth = 0

    def read(self) -> Cell:
        codes: list[Code] = []
        while self.at < len(self.tokens):
            codes += self._sum()
            if self.at < len(self.tokens):  # a bracket that nothing opened
                self.note.append(self.tokens[self.at][1].group())
                self.at += 1
        return Cell(codes, " ".join(self.note))

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _sum(self) -> list[Code]:
        codes = self._alternatives()
        while self._peek() not in ("", "close"):
            if self._peek() == "plus":
                self.at += 1
            codes += self._alternatives()
        return codes

    def _alternatives(self) -> list[Code]:
        options = [self._atom()]
        while self._peek() == "or":
            self.at += 1
            options.append(self._atom())
        options = [option for option in options if option]
        if len(options) < 2:
            return options[0] if options else []
        self.groups += 1
        return [
            code._replace(alternative=self.groups, option=number)
            for number, option in enumerate(options, 1)
            for code in option
        ]

    def _atom(self) -> list[Code]:
        kind = self._peek()
        if kind in ("", "close", "plus", "or"):
            if kind == "or":
                self.note.append("or")
                self.at += 1
            return []
        token = self.tokens[self.at][1]
        self.at += 1
        if kind in ("ref", "open") and self.depth == _DEEPEST:
            self.note.append(token.group())
            return []
        if kind == "ref":
            self.depth += 1
            codes = [code._replace(referenced=True) for code in self._atom()]
            self.depth -= 1
            return codes
        if kind == "open":
            self.depth += 1
            codes = self._sum()
            self.depth -= 1
            if self._peek() == "close":
                self.at += 1
            return codes
        if kind == "code" and int(token["unit"]) in INVENTORY:
            return [self._code(token)]
        self.note.append(token.group().strip())
        if token.group().lower() == "loses" and self._peek() == "code":  # what goes away does not show
            self.note.append(self.tokens[self.at][1].group().strip())
            self.at += 1
        return []

    def _code(self, token: re.Match[str]) -> Code:
        letter = (token["side"] or "").upper()
        static = self._peek() == "static"
        self.at += static
        return Code(
            unit=int(token["unit"]),
            side=letter if letter in ("R", "L") else None,
            asymmetric=bool(token["asym"]),
            part=letter if letter in ("T", "B") else None,
            intensity=token["intensity"].strip("()").upper() if token["intensity"] else None,
            static=static,
        )


_KINDS = ("static", "ref", "or", "open", "close", "plus", "code", "word")


def _kind(token: re.Match[str]) -> str:
    return next(kind for kind in _KINDS if token[kind])
