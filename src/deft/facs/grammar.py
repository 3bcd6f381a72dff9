"""The grammar of FACS codes as label sheets write them (Ekman, Friesen, Hager 2002; the sheets' own habits).

``4+L10`` · ``R6+R12`` · ``A14C`` · ``12A`` · ``14(B/C)`` · ``T23`` · ``(R6 or R12) + R15`` ·
``ref(24)`` · ``AU4(k)`` · ``M57``.
An ``or`` binds tighter than a ``+``, so ``4+R12 or L14`` is 4 and one of R12, L14.
"""

import math
import re
import unicodedata
from collections.abc import Iterator

from deft.facs.codes import INVENTORY, Cell, Code, Unread, text

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
    """Return the codes of a cell, in the order written; ``[]`` for an empty cell.

    It raises no error: `read` also returns the pieces that are no codes.

    >>> [code.unit for code in parse("4+L10")]
    [4, 10]
    """
    return read(cell).codes


def read(cell: object) -> Cell:
    """Return the codes of a cell (text, int, float or None) and the pieces that are no codes.

    >>> read("4+L10 ?").note
    '"?": uncertain'
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return Cell([], [])
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):  # a date, for one: its digits are no units
        return Cell([], [Unread(str(cell), _NO_CODE)])
    return _Reader(unicodedata.normalize("NFKC", str(cell))).read()


_DEEPEST = 20  # nested brackets: no coder writes more

_NO_CODE = "no code"
_REASONS = {
    "?": "uncertain",
    "(k)": "nothing before it that would be static",
    "or": "nothing to choose from",
    "(": "a bracket that nothing closes",
    ")": "a bracket that nothing opened",
}


class _Reader:
    """A recursive-descent parser over the tokens of a cell; tokens that fit no rule are left unread."""

    def __init__(self, source: str) -> None:
        self.tokens = [(_kind(m), m) for m in _TOKEN.finditer(source) if not m["space"]]
        self.at = 0
        self.unread: list[Unread] = []
        self.groups = 0
        self.depth = 0

    def read(self) -> Cell:
        """Return the whole cell, its alternatives numbered from 1."""
        codes: list[Code] = []
        while self.at < len(self.tokens):
            codes += self._sum()
            if self.at < len(self.tokens):
                self._leave(self._take())
        groups = dict.fromkeys(code.alternative for code in codes if code.alternative)  # in order, each once
        numbers = {group: number for number, group in enumerate(groups, 1)}
        renumbered = [code._replace(alternative=numbers.get(code.alternative or 0)) for code in codes]
        return Cell(renumbered, self.unread)

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _take(self) -> re.Match[str]:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _leave(self, token: re.Match[str], reason: str = "") -> None:
        """Leave a token unread; consecutive words that are no codes become one piece."""
        text = token.group().strip()
        default = "no number of FACS" if text.isdigit() else _NO_CODE
        reason = reason or _REASONS.get(text.lower()) or default
        if self.unread and reason == self.unread[-1].reason == _NO_CODE:
            text = f"{self.unread.pop().text} {text}"
        self.unread.append(Unread(text, reason))

    def _sum(self) -> list[Code]:
        """Return codes joined by plus signs, or by nothing, up to a closing bracket."""
        codes = self._alternatives()
        while self._peek() not in ("", "close"):
            if self._peek() == "plus":
                self.at += 1
            codes += self._alternatives()
        return codes

    def _alternatives(self) -> list[Code]:
        """Return the codes of one atom, or of several joined by ``or``, then marked as alternatives."""
        options = [self._atom()]
        while self._peek() == "or":
            token = self._take()
            options.append(self._atom())
            if not (options[-1] and any(options[:-1])):
                self._leave(token)
        nonempty = [option for option in options if option]
        if len(nonempty) < 2:
            return nonempty[0] if nonempty else []
        options = [flat for option in options for flat in self._flat(option)]
        self.groups += 1
        return [
            code._replace(alternative=self.groups, option=number)
            for number, option in enumerate(options, 1)
            for code in option
        ]

    def _flat(self, option: list[Code]) -> Iterator[list[Code]]:
        """Yield an option without nested alternatives.

        An option made of alternatives becomes as many options; alternatives beside other codes are left unread.
        """
        inner = {code.alternative for code in option} - {None}
        if len(inner) == 1 and all(code.alternative for code in option):
            for number in sorted({code.option or 0 for code in option}):
                yield [code._replace(alternative=None, option=None) for code in option if code.option == number]
            return
        if inner:
            choice = text(code for code in option if code.alternative)
            self.unread.append(Unread(choice, "a choice within a choice"))
        certain = [code for code in option if not code.alternative]
        if certain:
            yield certain

    def _atom(self) -> list[Code]:
        """Return the codes of one token or one bracket; ``[]`` if there is no code."""
        kind = self._peek()
        if kind in ("", "close", "plus", "or"):
            return []
        token = self._take()
        if kind in ("ref", "open"):
            return self._inner(kind, token)
        if kind == "code" and int(token["unit"]) in INVENTORY:
            return [self._code(token)]
        if token.group().lower() == "loses" and self._peek() == "code":
            lost = f"{token.group()} {self._take().group().strip()}"
            self.unread.append(Unread(lost, "what goes away does not show"))
            return []
        self._leave(token, "no number of FACS" if kind == "code" else "")
        return []

    def _inner(self, kind: str, token: re.Match[str]) -> list[Code]:
        """Return the codes in brackets, or after ``ref``."""
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
        """Return the code of a token, static if ``(k)`` follows it."""
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
