"""The grammar of FACS codes as label sheets write them (Ekman, Friesen, Hager 2002; the sheets' own habits).

``4+L10`` · ``R6+R12`` · ``A14C`` · ``12A`` · ``14(B/C)`` · ``T23`` · ``(R6 or R12) + R15`` ·
``ref(24)`` · ``AU4(k)`` · ``M57``.
An ``or`` binds tighter than a ``+``, so ``4+R12 or L14`` is 4 and one of R12, L14.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
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
    """What a cell says besides codes, and why it is none."""

    text: str
    reason: str


class Cell(NamedTuple):
    """A cell of a sheet, read: its codes, and whatever is no code with the reason."""

    codes: list[Code]
    unread: list[Unread]

    @property
    def note(self) -> str:
        """What was left out, in words: ``"soft focus": no code; "?": uncertain``."""
        return "; ".join(f'"{left.text}": {left.reason}' for left in self.unread)


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<static>\(k\))
    |(?P<ref>ref(?=\s*\())
    |(?P<or>or(?=[LRTBA]?\d|\W|$))
    |(?P<open>\()|(?P<close>\))|(?P<plus>[+,;、])
    |(?P<code>(?:AU|AD|M)?\s*(?P<asym>A/?)?(?P<side>[RLTB])?(?P<unit>\d{1,3})(?!\d)
        (?:\.0)?\s*(?P<intensity>[A-E](?:/[A-E])?|\([A-E](?:/[A-E])?\))?(?:(?=or[\W\dLRTBA])|(?![\w.])))
    |(?P<word>[^\s+,;()、]+)""",
    re.VERBOSE | re.IGNORECASE,
)


def parse(cell: object) -> list[Code]:
    """Codes of a cell, in the order written; ``[]`` for an empty one. Never raises; `read` tells what was left out."""
    return read(cell).codes


def read(cell: object) -> Cell:
    """Codes of a cell (text, int, float or None) and what else it says, for example ``read("4+L10 ?")``."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return Cell([], [])
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):  # a date, for one: its digits are no units
        return Cell([], [Unread(str(cell), _NO_CODE)])
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
        parts[places[alternative]] = f"({' or '.join(joined)})" if len(joined) > 1 else joined[0]
    return "+".join(parts)


_DEEPEST = 20  # brackets in brackets: more are no code of any coder

_NO_CODE = "no code"
_REASONS = {
    "?": "uncertain",
    "(k)": "nothing before it that would be static",
    "or": "nothing to choose from",
    "(": "a bracket that nothing closes",
    ")": "a bracket that nothing opened",
}


class _Reader:
    """Recursive descent over the tokens; whatever does not fit is left unread."""

    def __init__(self, source: str) -> None:
        self.tokens = [(_kind(m), m) for m in _TOKEN.finditer(source) if not m["space"]]
        self.at = 0
        self.unread: list[Unread] = []
        self.groups = 0
        self.depth = 0

    def read(self) -> Cell:
        codes: list[Code] = []
        while self.at < len(self.tokens):
            codes += self._sum()
            if self.at < len(self.tokens):
                self._leave(self._take())
        numbers = {group: n for n, group in enumerate(dict.fromkeys(c.alternative for c in codes if c.alternative), 1)}
        return Cell([c._replace(alternative=numbers.get(c.alternative or 0)) for c in codes], self.unread)

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _take(self) -> re.Match[str]:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _leave(self, token: re.Match[str], reason: str = "") -> None:
        """Leave a token unread; words in a row that share their reason are one text."""
        text = token.group().strip()
        reason = reason or _REASONS.get(text.lower()) or (_NO_CODE if not text.isdigit() else "no number of FACS")
        if self.unread and reason == self.unread[-1].reason == _NO_CODE:
            text = f"{self.unread.pop().text} {text}"
        self.unread.append(Unread(text, reason))

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
            token = self._take()
            options.append(self._atom())
            if not (options[-1] and any(options[:-1])):
                self._leave(token)
        if len([option for option in options if option]) < 2:
            return next((option for option in options if option), [])
        options = [each for option in options for each in self._flat(option)]
        self.groups += 1
        return [
            code._replace(alternative=self.groups, option=number)
            for number, option in enumerate(options, 1)
            for code in option
        ]

    def _flat(self, option: list[Code]) -> Iterator[list[Code]]:
        """An option without choices of its own: a bare choice is as many options, one among other codes is left."""
        inner = {code.alternative for code in option} - {None}
        if len(inner) == 1 and all(code.alternative for code in option):
            for number in sorted({code.option or 0 for code in option}):
                yield [code._replace(alternative=None, option=None) for code in option if code.option == number]
            return
        if inner:
            choice = text(code for code in option if code.alternative)
            self.unread.append(Unread(choice, "a choice within a choice"))
        if kept := [code for code in option if not code.alternative]:
            yield kept

    def _atom(self) -> list[Code]:
        kind = self._peek()
        if kind in ("", "close", "plus", "or"):
            return []
        token = self._take()
        if kind in ("ref", "open"):
            return self._inner(kind, token)
        if kind == "code" and int(token["unit"]) in INVENTORY:
            return [self._code(token)]
        if token.group().lower() == "loses" and self._peek() == "code":
            gone = f"{token.group()} {self._take().group().strip()}"
            self.unread.append(Unread(gone, "what goes away does not show"))
            return []
        self._leave(token, "no number of FACS" if kind == "code" else "")
        return []

    def _inner(self, kind: str, token: re.Match[str]) -> list[Code]:
        """What stands in brackets, or behind ``ref``."""
        if self.depth == _DEEPEST:
            self._leave(token, "brackets too deep")
            return []
        self.depth += 1
        if kind == "ref":
            codes = [code._replace(referenced=True) for code in self._atom()]
        else:
            codes = self._sum()
            if self._peek() == "close":
                self.at += 1
            else:
                self._leave(token)
        self.depth -= 1
        return codes

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
