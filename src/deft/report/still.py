"""All that is known of one clip as one picture: what it shows, what the sheet lists, and both triples side by side."""

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

_WELL, _ILL = "#00695c", "#b3261e"
_COLOURS = {"✓": _WELL, "✗": _ILL, verification.SUPPORTED: _WELL, verification.UNSUPPORTED: _ILL}
_COLUMNS = (0.0, 0.14, 0.5, 0.86)  # of the triples' table
_WRAPPED = 60  # letters in a column of it
_FACES_IN, _FIGURES_IN, _LINE_IN, _REST_IN = 4.4, 3.0, 0.25, 1.3

Line = tuple[str, ...]  # what, from sheet and motion, from the model, how they compare


def draw(path: Path, view: View) -> None:
    """Write the picture as PNG, 1600 px wide."""
    table = _table(view)
    heights = (_FACES_IN, _FIGURES_IN, (len(table) + 1) * _LINE_IN)
    high = sum(heights) + _REST_IN
    with picture.styled():
        figure = plt.figure(figsize=(picture.WIDTH_IN, high), facecolor=picture.PAPER)
        grid = figure.add_gridspec(3, 4, height_ratios=heights, hspace=0.12, wspace=0.06)
        figure.subplots_adjust(left=0.02, right=0.985, top=1 - 0.85 / high, bottom=0.15 / high)
        panes = [figure.add_subplot(grid[0, column]) for column in range(4)]
        before, after = (view.crops.get(view.row[moment]) for moment in ("onset", "apex"))
        picture.faces(panes, before, after, view.points, view.flow, view.evidence)
        picture.bars(figure.add_subplot(grid[1, 0]), view.evidence)
        _units(figure.add_subplot(grid[1, 1:3]), view)
        if view.answer:
            probabilities = {each["emotion"]: each["p"] for each in view.answer["probabilities"]}
            picture.classes(figure.add_subplot(grid[1, 3]), probabilities)
        _triples(figure.add_subplot(grid[2, :]), table)
        _title(figure, view, 1 - 0.35 / high)
        picture.save(figure, path)


def _title(figure: Any, view: View, y: float) -> None:
    figure.text(0.02, y, view.row["clip"], fontsize=17, fontweight="bold", va="center")
    told = [f"sheet: {view.triple['label'] or view.row['emotion'] or 'no emotion'}"]
    for who, key in (("head", "emotion"), ("text", "said_emotion")):
        said = view.answer[key] if view.answer else clips.NOT_ASKED
        told.append(f"{clips.MARKS[clips.right(said, view)]} {who}: {said or 'does not parse'}")
    for x, line in zip((0.5, 0.66, 0.83), told, strict=True):
        figure.text(x, y, line, fontsize=14, va="center", color=_COLOURS.get(line[0], INK))


def _units(pane: Any, view: View) -> None:
    """The sheet's units with their verdicts, and what was left out."""
    pane.set_axis_off()
    pane.set_title("listed units against the motion", loc="left", fontsize=11, fontweight="bold", x=0.03)
    y = 0.93
    for au in view.aus:
        score = "–" if au["verdict"] == verification.UNOBSERVABLE else f"{au['score']:.2f}"
        name = UNITS[au["unit"]].name if au["unit"] in UNITS else ""
        for x, text in ((0.03, f"{au['code']} {name}"), (0.5, score), (0.62, au["verdict"])):
            pane.text(x, y, text, fontsize=11, color=_COLOURS.get(text, INK), transform=pane.transAxes)
        y -= 0.11
    out = [] if view.aus else ["the sheet lists none"]
    out += [f"left out of training: {view.triple['dropped']}"] if view.triple["dropped"] else []
    unexplained = ", ".join(clips.unexplained(view))
    out += [f"moving, but explained by no listed unit: {unexplained}"] if unexplained else []
    out += [view.row["note"]] if view.row["note"] else []
    for line in (line for each in out for line in textwrap.wrap(each, 88)):
        pane.text(0.03, y - 0.05, line, fontsize=10, color=QUIET, transform=pane.transAxes)
        y -= 0.09


def _table(view: View) -> list[Line]:
    """The lines of the triples' table."""
    true, said = view.triple, view.answer or {"evidence": None, "rationale": None}
    pairs = compared.sights(true["evidence"], said["evidence"] or [])
    rows: list[Line] = [(pair.region, pair.measured or "–", pair.told or "–", pair.mark) for pair in pairs]
    rows = rows or [("evidence", triple.NOTHING, triple.NOTHING, compared.SAME)]
    for name, left, right in (
        ("rationale", true["rationale"], said["rationale"] or ""),
        ("category", true["category"], clips.category(view)),
    ):
        wrapped = (textwrap.wrap(side, _WRAPPED) for side in (left, right))
        mark = "✓ same" if left == right else "✗ differs"
        rows += zip_longest([name], *wrapped, [mark], fillvalue="")
    return rows if view.answer else [(name, left, "", "") for name, left, *_ in rows]


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
