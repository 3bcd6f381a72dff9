"""Clips that come as flow: a field of 28 × 28 over the face of each, with its head's motion and a little noise."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deft.render import camera, clips
from deft.render.corpus import ClipPlan, parsed
from deft.render.layouts import Layout, casme2, sheets

SIZE = 28  # cells along a side of a field
_MARGIN = 0.06  # of the landmarks' box, around it
_NOISE = 0.03  # standard deviation, cells
COLUMNS = ("subject", "clip", "emotion", "aus", "flow", "fps", "onset", "apex", "offset")


def field(plan: ClipPlan) -> NDArray[np.float32]:
    """Motion (28, 28, 2) of the face from onset to apex in cells, the box of the landmarks filling the field."""
    person = clips.scene(plan)
    points = camera.transform(person.pose, person.points)
    low, high = points.min(0), points.max(0)
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    # The middle of each cell, in the frame and in the box of the expression's flow.
    x, y = (low[axis] + (np.arange(SIZE) + 0.5) * (high - low)[axis] / SIZE for axis in (0, 1))
    at = np.stack(np.meshgrid(x, y), -1).astype(np.float32)
    inside = (at - np.array([camera.X0, camera.Y0], np.float32)) / clips.STRIDE
    expression = cv2.remap(clips.expression_flow(person, plan.apex), inside, None, cv2.INTER_LINEAR)
    moved = camera.transform(person.head[plan.apex], at + expression) - at
    noise = np.random.default_rng([plan.seed, plan.subject, plan.number, 2]).normal(0, _NOISE, moved.shape)
    return np.asarray(moved * SIZE / (high - low) + noise, np.float32)


def _plant(plans: Sequence[ClipPlan], root: Path, traps: bool) -> list[sheets.Expected]:
    found, lines = list[sheets.Expected](), list[list[object]]()

    def line(cells: list[object], truth: sheets.Truth | None, column: str = "", said: str = "") -> None:
        lines.append(cells)
        found.append(sheets.Expected(f"index.csv, row {len(lines) + 1}", truth, column, said))

    for plan in sorted(plans, key=casme2.LAYOUT.who):
        subject, name = casme2.LAYOUT.who(plan)
        path = Path("fields") / subject / f"{name}.npy"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / path, field(plan))
        moments = {"onset": plan.onset, "apex": plan.apex, "offset": plan.offset}
        units = [parsed(code) for code in str(plan.listed).split("+")]
        truth = {"subject": subject, "name": name, "emotion": plan.emotion, "units": units, **moments}
        line([subject, name, plan.emotion, plan.listed, path, 200, *moments.values()], truth)
    if traps:
        there = str(lines[0][4])
        for column, cell, said in (
            ("flow", "../../elsewhere.npy", 'found "../../elsewhere.npy"'),
            ("flow", "/etc/passwd.npy", 'found "/etc/passwd.npy"'),
            ("flow", "fields/none.npy", "found no file fields/none.npy"),
            ("emotion", "", "found an empty cell"),
            ("onset", "soon", 'found "soon", expected a frame number'),
        ):
            cells = ["s99", f"{len(lines)}", "others", "4", there, 200, 1, 2, 3]
            cells[COLUMNS.index(column)] = cell
            line(cells, None, column, said)
    with (root / "index.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *lines])
    return found


LAYOUT = Layout(casme2.LAYOUT.words, casme2.LAYOUT.who, None, plant=_plant)
