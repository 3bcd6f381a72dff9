"""A row of a label sheet: its cells are checked and converted."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import workbook
from deft.facs import codes, emotions, grammar

REMEDY = "correct the sheet"
_NO_APEX = ("", "/", "\\", "-", "-1", "-1.0")  # what coders write for an apex that they did not find
_ROMAN = {name: number for number, name in enumerate(emotions.LABELS["objective"], 1)}
_LARGEST = 10**9  # no number in a label sheet reaches this
_NOT_FACIAL = frozenset(range(50, 99))  # FACS numbers for head, eyes, visibility, gross behaviour: not facial


class Line:
    """A row of a sheet. Its methods convert a cell, or raise DataError with sheet, row and column.

    What they substitute or leave unread is appended to ``notes``.
    """

    def __init__(self, where: str, row: int, cells: dict[str, Any]) -> None:
        self.where, self.row, self.cells = where, row, cells
        self.notes: list[str] = []

    def text(self, column: str) -> str:
        """Return a cell as text (`deft.datasets.workbook.text`)."""
        return workbook.text(self.cells.get(column))

    def error(self, column: str, expected: str) -> DataError:
        """Return the error that says what a cell holds and what was expected."""
        cell = f'"{text}"' if (text := self.text(column)) else "an empty cell"
        return DataError(f"{self.where}, {column}", cell, expected, REMEDY)

    def name(self, column: str, pattern: str, example: str) -> str:
        """Return the name of a subject or a clip. ``pattern`` must match the whole cell; if it has a group, that is the
        name.

        A pattern must not match a path separator, so that no folder with such a name lies outside the dataset's.
        """
        match = re.fullmatch(pattern, self.text(column), re.ASCII | re.IGNORECASE)
        if not match:
            raise self.error(column, f"a name like {example}")
        return match[1] if match.re.groups else match[0]

    def word(self, column: str, words: Iterable[str]) -> str:
        """Return a cell that is one of ``words``, in lower case; its own case does not matter."""
        word = self.text(column).lower()
        if word not in words:
            raise self.error(column, f"one of {', '.join(words)}")
        return word

    def frame(self, column: str, rounded: bool = False) -> int:
        """Return a frame number. With ``rounded``, a fraction becomes the nearest integer, with a note."""
        text = self.text(column)
        value = int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
        if value is None and rounded and re.fullmatch(r"\d{1,9}\.\d+", text, re.ASCII):
            value = round(float(text))
            self.notes.append(f"{column}: {text} in the sheet, {value} is used")
        if value is None:
            raise self.error(column, "a frame number")
        return value

    def interval(self, onset: str, apex: str, offset: str, rounded: bool = False, missing: str = "") -> tables.Row:
        """Return onset, apex and offset, as frame numbers, from the columns of these names.

        A missing apex becomes the middle of onset and offset, a missing offset the apex, each with a note. ``missing``
        is the text that this dataset has for a missing apex or offset; for an apex the usual signs count as well. A row
        without both is an error.
        """
        start = self.frame(onset, rounded)
        peak = None if self.text(apex) in (*_NO_APEX, missing) else self.frame(apex, rounded)
        if missing and peak is not None and self.text(offset) == missing:
            self.notes.append(f"{offset}: the sheet has none, the apex is used")
            end = peak
        else:
            end = self.frame(offset, rounded)
        if peak is None:
            peak = (start + end) // 2
            self.notes.append(f"{apex}: the sheet has none, the middle of onset and offset is used")
        if not start <= peak <= end:
            where = f"{self.where}, {apex if start <= end else offset}"
            raise DataError(where, f"onset {start}, apex {peak}, offset {end}", "onset ≤ apex ≤ offset", REMEDY)
        return {"onset": start, "apex": peak, "offset": end}

    def positive_number(self, column: str) -> float:
        """Return a number above zero."""
        try:
            value = float(self.text(column))
        except ValueError:
            value = 0.0
        if not 0 < value < _LARGEST:
            raise self.error(column, "a number above zero")
        return value

    def note_remark(self, column: str) -> None:
        """Append a cell of remarks to the notes."""
        if text := self.text(column):
            self.notes.append(f"{column}: {' '.join(text.split())}")

    def units(self, column: str) -> list[codes.Code]:
        """Return a cell's Action Units; what is not a code is noted with the reason."""
        parsed = grammar.read(self.cells.get(column))
        if parsed.note:
            self.notes.append(f"{column}: {parsed.note}")
        return parsed.codes

    def objective(self, column: str | None, units: Sequence[codes.Code]) -> int | None:
        """Return the objective class 1–7 from a cell (1–7 or I–VII), or from ``units`` if there is no such column.

        None: the units leave a choice, or none of them moves the face. An empty cell in an existing column is an error.
        """
        if column is None or column not in self.cells:
            return self._objective_of(units)
        text = self.text(column).upper()
        if text in _ROMAN or text in set(map(str, _ROMAN.values())):
            return int(text) if text.isdigit() else _ROMAN[text]
        raise self.error(column, "1 to 7, or I to VII")

    def _objective_of(self, units: Sequence[codes.Code]) -> int | None:
        if any(code.alternative for code in units):
            self.notes.append("objective class: none, the units leave a choice")
            return None
        moving = {code.unit for code in units if not (code.static or code.referenced)} - _NOT_FACIAL
        if not moving:
            return None
        self.notes.append(f"objective class {emotions.objective(moving)}: from the units, the sheet has none")
        return emotions.objective(moving)
