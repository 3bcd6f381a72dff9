"""A film at a glance: how strongly the face moved when, the events in it, blinks, and what was set apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")  # files only: no window, no display

import matplotlib.pyplot as plt
import numpy as np

from deft.media import Image
from deft.report.picture import INK, PAPER, QUIET
from deft.spotting import rule
from deft.spotting.rule import Event
from deft.spotting.timeline import Film, Span

COLOURS = {rule.MICRO: "#d7263d", rule.MACRO: "#2a6f97"}
LANES = ("blinks", "head shakes", "no face")
SHOWN = 8  # faces above the curve: the strongest events that have room


class Mark(NamedTuple):
    """An event of the film, its number from 1, what it shows in a word, and the crop of its apex."""

    number: int
    event: Event
    word: str
    face: Image


def draw(path: Path, name: str, film: Film, marks: Sequence[Mark]) -> None:
    """Write the picture as PNG, 1600 px wide."""
    with plt.rc_context({"font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": QUIET}):
        figure = plt.figure(figsize=(16, 6.4), facecolor=PAPER)
        grid = figure.add_gridspec(2, 1, height_ratios=[3.2, 0.9], hspace=0.1)
        curve, lanes = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        figure.subplots_adjust(left=0.09, right=0.985, top=0.665, bottom=0.115)
        _curve(curve, film)
        _lanes(lanes, film)
        for mark in _roomy(marks, film.seconds):
            _face(figure, curve, mark)
        figure.text(0.02, 0.955, name, fontsize=20, fontweight="bold", va="center")
        figure.text(0.02, 0.9, sentence(film), fontsize=14, color=QUIET, va="center")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100, facecolor=PAPER)
        plt.close(figure)


def seconds(film: Film) -> float:
    """How long the time's axis is."""
    return max(film.seconds, 0.1)


def top(film: Film) -> float:
    """How high the strength's axis is, in multiples of the noise."""
    return max(2.0 * rule.Z, 1.12 * max((z for _, z in film.curve), default=0.0))


def sentence(film: Film) -> str:
    """How long the film is, and what was found in it."""
    micro = sum(event.kind == rule.MICRO for event in film.events)
    macro, long = len(film.events) - micro, f"{film.seconds:.1f} s, {film.source.fps:.4g} frames a second"
    if not film.events:
        return f"{long}: {'; '.join(film.notes)}"
    counts = {"micro-expression": micro, "macro-expression": macro, "blink": len(film.blinks)}
    told = [f"{count} {name}{'s' * (count > 1)}" for name, count in counts.items() if count]
    return "; ".join([f"{long}: {', '.join(told)}", *film.notes])


def _curve(pane: Any, film: Film) -> None:
    at, z = np.array(film.curve).T if film.curve else np.zeros((2, 0))
    pane.fill_between(at, z, color="#dfe5ea", linewidth=0)
    pane.plot(at, z, color="#7b8794", linewidth=1.1)
    pane.axhline(rule.Z, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
    pane.text(film.seconds, rule.Z, " noise ends here", fontsize=11.5, color=QUIET, va="bottom", ha="right")
    for event in film.events:
        pane.axvspan(event.onset_s, event.offset_s, color=COLOURS[event.kind], alpha=0.22, linewidth=0)
        pane.plot([event.apex_s], [min(event.z or 0, top(film))], "o", color=COLOURS[event.kind], markersize=5)
    pane.set_ylim(0, top(film))
    pane.set_ylabel("motion, in multiples\nof the noise", fontsize=13)
    _quiet(pane, film)
    pane.tick_params(axis="x", labelbottom=False)


def _lanes(pane: Any, film: Film) -> None:
    blinks = [Span(blink.onset_s, blink.offset_s) for blink in film.blinks]
    least = 0.002 * film.seconds
    for lane, spans in enumerate((blinks, film.shaken, film.unseen)):
        bars = [(span.start_s, max(span.end_s - span.start_s, least)) for span in spans]
        pane.broken_barh(bars, (len(LANES) - lane - 0.8, 0.6), color="#9aa7b4" if lane < 2 else "#f2b705")
    pane.set_yticks([len(LANES) - lane - 0.5 for lane in range(len(LANES))], LANES, fontsize=13)
    pane.set_ylim(0, len(LANES))
    pane.set_xlabel("seconds", fontsize=13)
    _quiet(pane, film)


def _quiet(pane: Any, film: Film) -> None:
    pane.set_xlim(0, seconds(film))
    pane.tick_params(labelsize=13, colors=QUIET, length=0)
    for edge in pane.spines.values():
        edge.set_visible(False)


def _roomy(marks: Sequence[Mark], seconds: float) -> list[Mark]:
    """The strongest events whose pictures do not overlap."""
    room, chosen = seconds / 9, list[Mark]()
    for mark in sorted(marks, key=lambda mark: -(mark.event.z or 0)):
        if len(chosen) < SHOWN and all(abs(mark.event.apex_s - other.event.apex_s) > room for other in chosen):
            chosen.append(mark)
    return chosen


def _face(figure: Any, curve: Any, mark: Mark) -> None:
    x = figure.transFigure.inverted().transform(curve.transData.transform((mark.event.apex_s, 0)))[0]
    width = 0.068
    left = min(max(x - width / 2, 0.005), 0.995 - width)
    pane = figure.add_axes((left, 0.68, width, 0.155))
    pane.imshow(mark.face, interpolation="lanczos", aspect="auto")
    pane.set_xticks([])
    pane.set_yticks([])
    for edge in pane.spines.values():
        edge.set_color(COLOURS[mark.event.kind])
        edge.set_linewidth(2)
    pane.set_title(f"{mark.number} {mark.word}", fontsize=13, pad=5)
