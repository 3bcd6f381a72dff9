"""The timeline of a video as a picture: strength of facial motion, events, blinks, head shakes, and missing faces."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")  # files only: no window, no display

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deft.media import Image
from deft.report.picture import INK, PAPER, QUIET
from deft.spotting import MACRO, MICRO, Event
from deft.spotting.timeline import Span, Timeline

COLOURS: dict[str, str] = {MICRO: "#d7263d", MACRO: "#2a6f97"}
LANES = ("blinks", "head shakes", "no face")
LANE_COLOURS = ("#9aa7b4", "#9aa7b4", "#f2b705")
MAX_FACES = 8  # above the curve: those of the strongest events that have room


class Mark(NamedTuple):
    """An event to be marked in the picture: its number from 1, its emotion, and the crop (H, W, 3) of its apex."""

    number: int
    event: Event
    emotion: str
    apex: Image


def draw_timeline(path: Path, name: str, timeline: Timeline, marks: Sequence[Mark]) -> None:
    """Write the picture as PNG, 1600 px wide."""
    with plt.rc_context({"font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": QUIET}):
        figure = plt.figure(figsize=(16, 6.4), facecolor=PAPER)
        grid = figure.add_gridspec(2, 1, height_ratios=[3.2, 0.9], hspace=0.1)
        curve_axes, lane_axes = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        figure.subplots_adjust(left=0.09, right=0.985, top=0.665, bottom=0.115)
        _draw_curve(curve_axes, timeline)
        _draw_lanes(lane_axes, timeline)
        for mark in _with_room(marks, timeline.seconds):
            _draw_face(figure, curve_axes, mark)
        figure.text(0.02, 0.955, name, fontsize=20, fontweight="bold", va="center")
        figure.text(0.02, 0.9, summary_sentence(timeline), fontsize=14, color=QUIET, va="center")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100, facecolor=PAPER)
        plt.close(figure)


def time_limit(timeline: Timeline) -> float:
    """Return where the time axis ends, in seconds."""
    return max(timeline.seconds, 0.1)


def strength_limit(timeline: Timeline) -> float:
    """Return where the axis of the strength ends, in multiples of the noise."""
    largest = max((z for _, z in timeline.curve), default=0.0)
    return max(2.0 * timeline.threshold, 1.12 * largest)


def lanes(timeline: Timeline) -> list[tuple[str, list[Span]]]:
    """Return the spans below the curve, by name of their lane (`LANES`)."""
    blinks = [Span(blink.onset_s, blink.offset_s) for blink in timeline.blinks]
    return list(zip(LANES, (blinks, timeline.head_shakes, timeline.no_face), strict=True))


def summary_sentence(timeline: Timeline) -> str:
    """Say how long the video is and what was found in it."""
    length = f"{timeline.seconds:.1f} s, {timeline.source.fps:.4g} frames per second"
    if not timeline.events:
        return f"{length}: {'; '.join(timeline.notes)}"
    kinds = [event.kind for event in timeline.events]
    counts = {
        "micro-expression": kinds.count(MICRO),
        "macro-expression": kinds.count(MACRO),
        "blink": len(timeline.blinks),
    }
    phrases = [f"{count} {name}{'s' * (count > 1)}" for name, count in counts.items() if count]
    return "; ".join([f"{length}: {', '.join(phrases)}", *timeline.notes])


def _draw_curve(axes: Axes, timeline: Timeline) -> None:
    seconds, z = np.array(timeline.curve).T if timeline.curve else np.zeros((2, 0))
    axes.fill_between(seconds, z, color="#dfe5ea", linewidth=0)
    axes.plot(seconds, z, color="#7b8794", linewidth=1.1)
    axes.axhline(timeline.threshold, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.text(
        timeline.seconds, timeline.threshold, " detection threshold", fontsize=11.5, color=QUIET, va="bottom",
        ha="right",
    )  # fmt: skip
    limit = strength_limit(timeline)
    for event in timeline.events:
        colour = COLOURS[event.kind]
        axes.axvspan(event.onset_s, event.offset_s, color=colour, alpha=0.22, linewidth=0)
        axes.plot([event.apex_s], [min(event.z or 0, limit)], "o", color=colour, markersize=5)
    axes.set_ylim(0, limit)
    axes.set_ylabel("motion, in multiples\nof the noise", fontsize=13)
    _style(axes, timeline)
    axes.tick_params(axis="x", labelbottom=False)


def _draw_lanes(axes: Axes, timeline: Timeline) -> None:
    shortest = 0.002 * timeline.seconds  # so that every span can be seen
    for lane, (_, spans) in enumerate(lanes(timeline)):
        bars = [(span.start_s, max(span.end_s - span.start_s, shortest)) for span in spans]
        axes.broken_barh(bars, (len(LANES) - lane - 0.8, 0.6), color=LANE_COLOURS[lane])
    axes.set_yticks([len(LANES) - lane - 0.5 for lane in range(len(LANES))], LANES, fontsize=13)
    axes.set_ylim(0, len(LANES))
    axes.set_xlabel("seconds", fontsize=13)
    _style(axes, timeline)


def _style(axes: Axes, timeline: Timeline) -> None:
    axes.set_xlim(0, time_limit(timeline))
    axes.tick_params(labelsize=13, colors=QUIET, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _with_room(marks: Sequence[Mark], seconds: float) -> list[Mark]:
    """Choose the strongest events whose faces do not overlap in the picture."""
    width_s = seconds / 9
    chosen: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: -(mark.event.z or 0)):
        fits = all(abs(mark.event.apex_s - other.event.apex_s) > width_s for other in chosen)
        if fits and len(chosen) < MAX_FACES:
            chosen.append(mark)
    return chosen


def _draw_face(figure: Figure, curve_axes: Axes, mark: Mark) -> None:
    """Draw the face at an event's apex above the curve."""
    display = curve_axes.transData.transform((mark.event.apex_s, 0))
    x = figure.transFigure.inverted().transform(display)[0]
    width = 0.068
    left = min(max(x - width / 2, 0.005), 0.995 - width)
    axes = figure.add_axes((left, 0.68, width, 0.155))
    axes.imshow(mark.apex, interpolation="lanczos", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(COLOURS[mark.event.kind])
        spine.set_linewidth(2)
    axes.set_title(f"{mark.number} {mark.emotion}", fontsize=13, pad=5)
