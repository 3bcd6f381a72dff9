"""The layout of flow fields: per clip a field of 28 × 28 over the face, with the head's motion and a little noise."""

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
    """Return the face's motion (28, 28, 2) from onset to apex, in cells; the box of the landmarks fills the field."""
    person = clips.scene(plan)
    points = camera.transform(person.pose, person.points)
    low, high = points.min(0), points.max(0)
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    # The centre of each cell: in the frame (px), then in the grid of the expression's flow.
    x, y = (low[axis] + (np.arange(SIZE) + 0.5) * (high - low)[axis] / SIZE for axis in (0, 1))
    centres = np.stack(np.meshgrid(x, y), -1).astype(np.float32)
    in_grid = (centres - np.array([camera.X0, camera.Y0], np.float32)) / clips.STRIDE
    expression = cv2.remap(clips.expression_flow(person, plan.apex), in_grid, None, cv2.INTER_LINEAR)
    motion = camera.transform(person.head[plan.apex], centres + expression) - centres
    noise = np.random.default_rng([plan.seed, plan.subject, plan.number, 2]).normal(0, _NOISE, motion.shape)
    return np.asarray(motion * SIZE / (high - low) + noise, np.float32)


def _write_extra(plans: Sequence[ClipPlan], root: Path, traps: bool) -> list[sheets.Expected]:
    expected, lines = list[sheets.Expected](), list[list[object]]()

    def add(cells: list[object], truth: sheets.Truth | None, column: str = "", message: str = "") -> None:
        lines.append(cells)
        expected.append(sheets.Expected(f"index.csv, row {len(lines) + 1}", truth, column, message))

    for plan in sorted(plans, key=casme2.LAYOUT.identify):
        subject, name = casme2.LAYOUT.identify(plan)
        path = Path("fields") / subject / f"{name}.npy"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / path, field(plan))
        moments = {"onset": plan.onset, "apex": plan.apex, "offset": plan.offset}
        units = [parsed(code) for code in str(plan.listed).split("+")]
        truth = {"subject": subject, "name": name, "emotion": plan.emotion, "units": units, **moments}
        add([subject, name, plan.emotion, plan.listed, path, 200, *moments.values()], truth)
    if traps:
        path_of_a_field = str(lines[0][4])
        for column, cell, message in (
            ("flow", "../../elsewhere.npy", 'found "../../elsewhere.npy"'),
            ("flow", "/etc/passwd.npy", 'found "/etc/passwd.npy"'),
            ("flow", "fields/none.npy", "found no file fields/none.npy"),
            ("emotion", "", "found an empty cell"),
            ("onset", "soon", 'found "soon", expected a frame number'),
        ):
            cells = ["s99", f"{len(lines)}", "others", "4", path_of_a_field, 200, 1, 2, 3]
            cells[COLUMNS.index(column)] = cell
            add(cells, None, column, message)
    with (root / "index.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *lines])
    return expected


LAYOUT = Layout(casme2.LAYOUT.words, casme2.LAYOUT.identify, None, write_extra=_write_extra)
