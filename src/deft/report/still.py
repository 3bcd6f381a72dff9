"""Draw everything about one clip as one image: its motion, the units in the sheet, and both triples side by side."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from deft.facs.units import UNITS
from deft.language import triple
from deft.motion import verification
from deft.report import clips, compared, picture
from deft.report.clips import View
from deft.report.picture import INK, QUIET

_GOOD, _BAD = "#00695c", "#b3261e"
_COLOURS = {"✓": _GOOD, "✗": _BAD, verification.SUPPORTED: _GOOD, verification.UNSUPPORTED: _BAD}
_COLUMNS = (0.0, 0.14, 0.5, 0.86)  # x of the columns of the triples' table
_WRAPPED = 60  # characters per line in a column
_FACES_IN, _FIGURES_IN, _LINE_IN, _REST_IN = 4.4, 3.0, 0.25, 1.3

Line = tuple[str, ...]  # name, from sheet and motion, from the model, comparison


def draw(path: Path, view: View) -> None:
    """Write the image as PNG, 1600 px wide."""
    table = _table(view)
    heights = (_FACES_IN, _FIGURES_IN, (len(table) + 1) * _LINE_IN)
    height = sum(heights) + _REST_IN
    with picture.styled():
        figure = plt.figure(figsize=(picture.WIDTH_IN, height), facecolor=picture.PAPER)
        grid = figure.add_gridspec(3, 4, height_ratios=heights, hspace=0.12, wspace=0.06)
        figure.subplots_adjust(left=0.02, right=0.985, top=1 - 0.85 / height, bottom=0.15 / height)
        panes = [figure.add_subplot(grid[0, column]) for column in range(4)]
        before, after = (view.crops.get(view.row[moment]) for moment in ("onset", "apex"))
        picture.faces(panes, before, after, view.points, view.flow, view.evidence)
        picture.bars(figure.add_subplot(grid[1, 0]), view.evidence)
        _units(figure.add_subplot(grid[1, 1:3]), view)
        if view.answer:
            probabilities = {each["emotion"]: each["p"] for each in view.answer["probabilities"]}
            picture.classes(figure.add_subplot(grid[1, 3]), probabilities)
        _triples(figure.add_subplot(grid[2, :]), table)
        _title(figure, view, 1 - 0.35 / height)
        picture.save(figure, path)


def _title(figure: Any, view: View, y: float) -> None:
    figure.text(0.02, y, view.row["clip"], fontsize=17, fontweight="bold", va="center")
    lines = [f"sheet: {view.triple['label'] or view.row['emotion'] or 'no emotion'}"]
    for name, column in (("head", "emotion"), ("text", "said_emotion")):
        emotion = view.answer[column] if view.answer else clips.NOT_ASKED
        mark = clips.MARKS[clips.right(emotion, view)]
        lines.append(f"{mark} {name}: {emotion or 'does not parse'}")
    for x, line in zip((0.5, 0.66, 0.83), lines, strict=True):
        figure.text(x, y, line, fontsize=14, va="center", color=_COLOURS.get(line[0], INK))


def _units(pane: Any, view: View) -> None:
    """Draw the units in the sheet with their verdicts, and notes below them."""
    pane.set_axis_off()
    pane.set_title("listed units against the motion", loc="left", fontsize=11, fontweight="bold", x=0.03)
    y = 0.93
    for au in view.aus:
        score = "–" if au["verdict"] == verification.UNOBSERVABLE else f"{au['score']:.2f}"
        name = UNITS[au["unit"]].name if au["unit"] in UNITS else ""
        for x, text in ((0.03, f"{au['code']} {name}"), (0.5, score), (0.62, au["verdict"])):
            pane.text(x, y, text, fontsize=11, color=_COLOURS.get(text, INK), transform=pane.transAxes)
        y -= 0.11
    notes = []
    if not view.aus:
        notes.append("the sheet lists none")
    if view.triple["dropped"]:
        notes.append(f"left out of training: {view.triple['dropped']}")
    unexplained = ", ".join(clips.unexplained(view))
    if unexplained:
        notes.append(f"moving, but explained by no listed unit: {unexplained}")
    if view.row["note"]:
        notes.append(view.row["note"])
    for line in [line for note in notes for line in textwrap.wrap(note, 88)]:
        pane.text(0.03, y - 0.05, line, fontsize=10, color=QUIET, transform=pane.transAxes)
        y -= 0.09


def _table(view: View) -> list[Line]:
    """Return the lines of the triples' table; without an answer, its columns are empty."""
    true, answer = view.triple, view.answer or {"evidence": None, "rationale": None}
    pairs = compared.sights(true["evidence"], answer["evidence"] or [])
    rows: list[Line] = [(pair.region, pair.measured or "–", pair.answered or "–", pair.mark) for pair in pairs]
    rows = rows or [("evidence", triple.NOTHING, triple.NOTHING, compared.SAME)]
    for name, left, right in (
        ("rationale", true["rationale"], answer["rationale"] or ""),
        ("category", true["category"], clips.category(view)),
    ):
        wrapped = (textwrap.wrap(side, _WRAPPED) for side in (left, right))
        mark = "✓ same" if left == right else "✗ differs"
        rows += zip_longest([name], *wrapped, [mark], fillvalue="")
    if not view.answer:
        return [(name, left, "", "") for name, left, *_ in rows]
    return rows


def _triples(pane: Any, table: Sequence[Line]) -> None:
    pane.set_axis_off()
    pane.set_xlim(0, 1)
    pane.set_ylim(len(table) + 1, 0)
    for y, row in enumerate([("triple", "from sheet and motion", "from the model", ""), *table]):
        if row[0] and y:
            pane.axhline(y - 0.05, color="#dde3e9", linewidth=0.8)
        for x, text in zip(_COLUMNS, row, strict=True):
            weight = "normal" if y else "bold"
            pane.text(x, y + 0.62, text, fontsize=11.5, fontweight=weight, color=_COLOURS.get(text[:1], INK))
