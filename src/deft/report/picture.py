"""Draw one clip as one image: onset, apex, flow, regions with their evidence, and the answer."""

import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # files only, no window

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

from deft.face import Points
from deft.language import triple
from deft.media import Image
from deft.motion.evidence import Evidence
from deft.report import overlay

INK, QUIET, PAPER = "#1c2430", "#7b8794", "#ffffff"
WIDTH_IN, DPI = 16, 100
_MOST_BARS = 8
TITLES = ("onset", "apex", "motion, head removed", "evidence by region")


def draw(
    path: Path,
    *,
    before: Image,
    after: Image,
    points: Points,
    flow: npt.NDArray[np.float32],
    evidence: Sequence[Evidence],
    answer: str,
    emotions: dict[str, float],
    when: str,
    note: str | None = None,
) -> None:
    """Write the image as PNG, 1600 px wide.

    ``before`` and ``after`` are the crops (H, W, 3) of onset and apex; ``points`` (68, 2) and ``flow`` (H, W, 2) are in
    crop px. ``answer`` is the text, ``emotions`` are the head's probabilities, none if it gave none, and ``when`` is a
    line that says which frames are shown. ``note`` is a line on the model.
    """
    with styled():
        figure = plt.figure(figsize=(WIDTH_IN, 8.2), facecolor=PAPER)
        grid = figure.add_gridspec(2, 4, height_ratios=[1.32, 1], hspace=0.14, wspace=0.06)
        faces([figure.add_subplot(grid[0, column]) for column in range(4)], before, after, points, flow, evidence)
        bars(figure.add_subplot(grid[1, 0]), evidence)
        _words(figure.add_subplot(grid[1, 1:3]), answer, when)
        if emotions:
            classes(figure.add_subplot(grid[1, 3]), emotions)
        figure.subplots_adjust(left=0.02, right=0.985, top=0.95, bottom=0.075 if note else 0.05)
        if note:
            figure.text(0.02, 0.022, note, fontsize=10.5, color=QUIET, va="center")
        save(figure, path)


def styled() -> AbstractContextManager[None]:
    """Return a context that sets the fonts and colours of all images."""
    return plt.rc_context({"font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": INK})


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, facecolor=PAPER, format="png")
    plt.close(figure)


def faces(
    panes: Sequence[Any],
    before: Image | None,
    after: Image | None,
    points: Points,
    flow: npt.NDArray[np.float32],
    evidence: Sequence[Evidence],
) -> None:
    """Draw onset, apex, motion and evidence on four panes.

    A clip that comes as flow has no frames (None); the outline of its face is drawn instead. The other arguments are
    those of `draw`.
    """
    height, width = flow.shape[:2]
    blank = np.full((height, width, 3), 255, np.uint8)
    onset, apex = (blank if crop is None else crop for crop in (before, after))
    tinted = overlay.over(onset, overlay.coloured(flow, points))
    faded = np.asarray(0.45 * onset + 0.55 * 255, np.uint8)
    for pane, image, title in zip(panes, (onset, apex, tinted, faded), TITLES, strict=True):
        pane.imshow(image, interpolation="lanczos")
        pane.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=7)
        pane.set_axis_off()
        if before is not None:
            top, bottom = overlay.SHOWN
            pane.set_ylim(bottom * height, top * height)
        elif image is blank:
            pane.text(width / 2, height / 2, "comes as flow:\nno frames", ha="center", fontsize=12, color=QUIET)
        else:
            pane.fill(*overlay.outline(points).T, facecolor="none", edgecolor=QUIET, linewidth=1)
    starts, vectors = overlay.arrows(flow, points)
    if len(starts):
        colour = "white" if before is not None else INK
        panes[2].quiver(*starts.T, *vectors.T, color=colour, angles="xy", width=0.005)
    _regions(panes[3], overlay.shapes(points, evidence))


def bars(pane: Any, evidence: Sequence[Evidence]) -> None:
    """Draw the regions that move most as bars, in multiples of the noise."""
    moving = [region for region in evidence if region.level != "none"]
    moving = sorted(moving, key=lambda region: -region.z)[:_MOST_BARS]
    pane.set_title("motion, in multiples of the noise", loc="left", fontsize=11, fontweight="bold")
    if not moving:
        pane.text(0, 0.8, triple.NOTHING, fontsize=11, color=QUIET)
        pane.set_axis_off()
        return
    heights = np.arange(len(moving))[::-1]
    colours = [overlay.LEVEL_COLOURS[region.level] for region in moving]
    pane.barh(heights, [region.z for region in moving], color=colours, height=0.42)
    for y, region in zip(heights, moving, strict=True):
        text = f"{region.region} {region.direction}, {region.level}"
        pane.text(0, y + 0.24, text, fontsize=9.5, va="bottom", color=INK)
    pane.set_ylim(len(moving) - _MOST_BARS - 0.6, len(moving) - 0.1)
    pane.set_yticks([])
    pane.tick_params(axis="x", labelsize=9.5, colors=QUIET, length=0)
    for edge in pane.spines.values():
        edge.set_visible(False)


def classes(pane: Any, emotions: Mapping[str, float]) -> None:
    """Draw the head's probabilities as bars, the most probable class on top."""
    order = sorted(emotions, key=lambda name: emotions[name])
    best = order[-1]
    colours = ["#2a6f97" if name == best else "#b9c6d2" for name in order]
    pane.barh(range(len(order)), [emotions[name] for name in order], color=colours, height=0.5)
    for y, name in enumerate(order):
        pane.text(0, y + 0.3, f"{name}  {emotions[name]:.2f}", fontsize=10, va="bottom")
    pane.set_title("emotion head", loc="left", fontsize=11, fontweight="bold")
    pane.set_xlim(0, 1)
    pane.set_ylim(-0.5, len(order) - 0.1)
    pane.set_axis_off()


def _regions(pane: Any, shapes: Sequence[overlay.Shape]) -> None:
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.6, "mutation_scale": 13}
    for shape in shapes:
        level = shape.evidence.level
        colour = overlay.LEVEL_COLOURS[level]
        opacity = 0.18 if level == "none" else 0.5
        pane.fill(*shape.hull.T, facecolor=colour, alpha=opacity, edgecolor=colour, linewidth=1.2)
        if shape.tip is not None:
            pane.annotate("", shape.tip, shape.centre, arrowprops=arrow)


def _words(pane: Any, answer: str, when: str) -> None:
    pane.set_axis_off()
    y = 0.97
    for line in answer.splitlines():
        label, _, text = line.partition(": ")
        wrapped = textwrap.wrap(text, 68) or [""]
        pane.text(0.06, y, label, fontsize=11, fontweight="bold", va="top", transform=pane.transAxes)
        size, weight = (15, "bold") if label == "Category" else (11, "normal")
        pane.text(
            0.22, y, "\n".join(wrapped), fontsize=size, fontweight=weight,
            va="top", linespacing=1.4, transform=pane.transAxes,
        )  # fmt: skip
        y -= 0.085 * len(wrapped) + 0.07
    pane.text(0.06, 0.0, when, fontsize=9.5, color=QUIET, va="bottom", transform=pane.transAxes)
