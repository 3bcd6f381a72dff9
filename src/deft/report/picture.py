"""One picture of one clip: onset, apex, flow, regions with their evidence, and the answer."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib

matplotlib.use("Agg")  # files only: no window, no display

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

from deft.face import Image, Points
from deft.facs import regions
from deft.motion.evidence import Evidence

INK, QUIET, PAPER = "#1c2430", "#7b8794", "#ffffff"
LEVEL_COLOURS = {"none": "#c7ced6", "slight": "#f2b705", "clear": "#f2762e", "strong": "#d7263d"}
_CROPPED = (0.08, 0.98)  # of a crop's height: forehead to chin


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
) -> None:
    """Write the picture as PNG, 1600 px wide.

    ``before`` and ``after`` are crops (H, W, 3), ``points`` (68, 2) and ``flow`` (H, W, 2) crop pixels; ``answer`` the
    text, ``emotions`` the head's probabilities, ``when`` a line that says which frames these are.
    """
    with plt.rc_context({"font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": INK}):
        figure = plt.figure(figsize=(16, 8.2), facecolor=PAPER)
        grid = figure.add_gridspec(2, 4, height_ratios=[1.32, 1], hspace=0.14, wspace=0.06)
        panes = [figure.add_subplot(grid[0, column]) for column in range(4)]
        shown = _tinted(before, flow, _inside(points, *np.mgrid[: flow.shape[0], : flow.shape[1]]))
        titles = ("onset", "apex", "motion, head removed", "evidence by region")
        for pane, picture, title in zip(panes, (before, after, shown, _faded(before)), titles, strict=True):
            pane.imshow(picture, interpolation="lanczos")
            pane.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=7)
            pane.set_ylim(_CROPPED[1] * picture.shape[0], _CROPPED[0] * picture.shape[0])
            pane.set_axis_off()
        _arrows(panes[2], flow, points)
        _regions(panes[3], points, evidence)
        _bars(figure.add_subplot(grid[1, 0]), evidence)
        _words(figure.add_subplot(grid[1, 1:3]), answer, when)
        _classes(figure.add_subplot(grid[1, 3]), emotions)
        figure.subplots_adjust(left=0.02, right=0.985, top=0.95, bottom=0.05)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100, facecolor=PAPER)
        plt.close(figure)


def _faded(picture: Image) -> Image:
    return np.asarray(0.45 * picture + 0.55 * 255, np.uint8)


def _tinted(picture: Image, flow: npt.NDArray[np.float32], face: npt.NDArray[np.bool_]) -> Image:
    """Direction as hue and length as strength over a grey face (Baker et al. 2011)."""
    length, angle = np.hypot(flow[..., 0], flow[..., 1]), np.arctan2(flow[..., 1], flow[..., 0])
    strength = np.where(face, np.clip(length / max(float(np.quantile(length[face], 0.99)), 1e-6), 0, 1), 0)
    hsv = np.stack([(angle % (2 * np.pi)) * 90 / np.pi, 230 * np.ones_like(length), 245 * np.ones_like(length)], -1)
    colour = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(float)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)[..., None] * np.ones(3)
    mix = 0.75 * strength[..., None]
    return np.asarray((1 - mix) * grey + mix * colour, np.uint8)


def _arrows(pane: Any, flow: npt.NDArray[np.float32], points: Points) -> None:
    step = max(6, flow.shape[0] // 26)
    rows, columns = np.mgrid[step // 2 : flow.shape[0] : step, step // 2 : flow.shape[1] : step]
    vectors = flow[rows, columns]
    lengths = np.hypot(vectors[..., 0], vectors[..., 1])
    seen = (lengths > 0.25 * lengths.max()) & _inside(points, rows, columns)
    pane.quiver(
        columns[seen], rows[seen], vectors[seen][:, 0], vectors[seen][:, 1], color="white", angles="xy", width=0.005
    )


def _inside(points: Points, rows: npt.NDArray[Any], columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which places (same shape as ``rows``) lie in the face's outline."""
    outline = cv2.convexHull(regions.outline(points).astype(np.float32))[:, 0]
    edges = np.roll(outline, -1, axis=0) - outline
    away = np.stack([columns, rows], -1)[..., None, :] - outline
    turns = edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0]
    return np.asarray((turns >= 0).all(-1) | (turns <= 0).all(-1))


def _regions(pane: Any, points: Points, evidence: Sequence[Evidence]) -> None:
    hulls = {name: cv2.convexHull(hull.astype(np.float32))[:, 0] for name, hull in regions.polygons(points).items()}
    iod = regions.axes(points).iod
    longest = max(seen.magnitude for seen in evidence) or 1.0
    for seen in evidence:
        hull, colour = hulls[seen.region], LEVEL_COLOURS[seen.level]
        pane.fill(
            *hull.T, facecolor=colour, alpha=0.18 if seen.level == "none" else 0.5, edgecolor=colour, linewidth=1.2
        )
        if seen.level != "none":
            centre, scale = hull.mean(0), 0.38 * iod / longest
            tip = centre + scale * np.array([seen.dx, seen.dy])
            pane.annotate(
                "", tip, centre, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.6, "mutation_scale": 13}
            )


def _bars(pane: Any, evidence: Sequence[Evidence]) -> None:
    moving = sorted((seen for seen in evidence if seen.level != "none"), key=lambda seen: -seen.z)[:8]
    pane.set_title("motion, in multiples of the noise", loc="left", fontsize=11, fontweight="bold")
    if not moving:
        pane.text(0, 0.8, "no region moves above the noise", fontsize=11, color=QUIET)
        pane.set_axis_off()
        return
    places = np.arange(len(moving))[::-1]
    pane.barh(places, [seen.z for seen in moving], color=[LEVEL_COLOURS[seen.level] for seen in moving], height=0.62)
    for y, seen in zip(places, moving, strict=True):
        pane.text(0, y + 0.34, f"{seen.region} {seen.direction}, {seen.level}", fontsize=8.5, va="bottom", color=INK)
    pane.set_ylim(-0.6, len(moving) - 0.1)
    pane.set_yticks([])
    pane.tick_params(axis="x", labelsize=8.5, colors=QUIET, length=0)
    for edge in pane.spines.values():
        edge.set_visible(False)


def _words(pane: Any, answer: str, when: str) -> None:
    pane.set_axis_off()
    y = 0.97
    for line in answer.splitlines():
        label, _, text = line.partition(": ")
        wrapped = textwrap.wrap(text, 68) or [""]
        pane.text(0.06, y, label, fontsize=11, fontweight="bold", va="top", transform=pane.transAxes)
        strong = label == "Category"
        pane.text(
            0.22, y, "\n".join(wrapped), fontsize=15 if strong else 11, fontweight="bold" if strong else "normal",
            va="top", linespacing=1.4, transform=pane.transAxes,
        )  # fmt: skip
        y -= 0.085 * len(wrapped) + 0.07
    pane.text(0.06, 0.0, when, fontsize=9.5, color=QUIET, va="bottom", transform=pane.transAxes)


def _classes(pane: Any, emotions: dict[str, float]) -> None:
    order = sorted(emotions, key=lambda name: emotions[name])
    best = order[-1]
    colours = ["#2a6f97" if name == best else "#b9c6d2" for name in order]
    pane.barh(range(len(order)), [emotions[name] for name in order], color=colours, height=0.5)
    for place, name in enumerate(order):
        pane.text(0, place + 0.3, f"{name}  {emotions[name]:.2f}", fontsize=9, va="bottom")
    pane.set_title("emotion head", loc="left", fontsize=11, fontweight="bold")
    pane.set_xlim(0, 1)
    pane.set_ylim(-0.5, len(order) - 0.1)
    pane.set_axis_off()
