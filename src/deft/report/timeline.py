"""The timeline of a video as a picture: by person strength of motion, events, blinks, head shakes, speech, no face."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")  # files only: no window, no display

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deft.media import Image
from deft.report.picture import INK, PAPER, QUIET
from deft.spotting import MACRO, MICRO, Event
from deft.spotting.timeline import MERGE_S, Person, Span, Timeline

COLOURS: dict[str, str] = {MICRO: "#d7263d", MACRO: "#2a6f97"}
LANES = ("blinks", "head shakes", "speech", "no face")
LANE_COLOURS = ("#9aa7b4", "#9aa7b4", "#9aa7b4", "#f2b705")
MAX_FACES = 8  # above the curve: those of the strongest events that have room

# Inches, from top to bottom.
_WIDTH = 16.0
_LEFT, _RIGHT = 0.09, 0.985  # of the axes, as shares of the width
_TITLE, _LINE = 0.55, 0.3
_PERSON = 0.4  # the label of a person
_WORDS, _FACE, _FACE_GAP = 0.28, 1.0, 0.12
_CURVE, _CURVE_OF_SEVERAL, _CURVE_GAP, _LANE = 2.6, 1.6, 0.08, 0.27
_SCALE, _AXIS_LABEL, _GAP, _EDGE = 0.3, 0.32, 0.35, 0.2


class Mark(NamedTuple):
    """An event to be marked in the picture: its number from 1, a word for it, and the crop (H, W, 3) of its apex."""

    number: int
    event: Event
    word: str
    apex: Image


class _Block(NamedTuple):
    """The part of the picture that shows one person."""

    person: Person
    marks: list[Mark]  # whose faces are shown
    height: float  # inches


def draw_timeline(path: Path, name: str, timeline: Timeline, marks: Sequence[Mark], note: str | None) -> None:
    """Write the picture as PNG, 1600 px wide; its height depends on the number of people."""
    lines = [*textwrap.wrap(summary_sentence(timeline), 150), *textwrap.wrap(note or "", 150)]
    blocks = list(_blocks(timeline, marks))
    head = _EDGE + _TITLE + _LINE * len(lines) + _GAP / 2
    height = head + sum(block.height + _GAP for block in blocks) + _AXIS_LABEL
    with plt.rc_context({"font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": QUIET}):
        figure = plt.figure(figsize=(_WIDTH, height), facecolor=PAPER)
        _write(figure, 0.02, _EDGE + _TITLE / 2, name, fontsize=20, fontweight="bold")
        for number, line in enumerate(lines):
            _write(figure, 0.02, _EDGE + _TITLE + _LINE * (number + 0.5), line, fontsize=14, color=QUIET)
        _draw_legend(figure, timeline)
        top = head
        for block in blocks:
            _draw_block(figure, top, block, timeline)
            top += block.height + _GAP
        figure.axes[-1].set_xlabel("seconds", fontsize=13)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100, facecolor=PAPER)
        plt.close(figure)


def cautions(head_moving: bool, speaking: bool, cut_off: bool) -> str:
    """Return what speaks against an event, in short words: ``head moves, cut off``."""
    words = {"head moves": head_moving, "speaks": speaking, "cut off": cut_off}
    return ", ".join(word for word, applies in words.items() if applies)


def time_limit(timeline: Timeline) -> float:
    """Return where the time axis ends, in seconds."""
    return max(timeline.seconds, 0.1)


def strength_limit(person: Person, threshold: float) -> float:
    """Return where the axis of a person's strength ends, in multiples of the noise."""
    largest = max((z for _, z in person.curve), default=0.0)
    return max(2.0 * threshold, 1.12 * largest)


def curve_parts(person: Person) -> list[list[tuple[float, float]]]:
    """Return a person's curve in parts without a gap, so that no line is drawn where no face was visible."""
    parts: list[list[tuple[float, float]]] = []
    for point in person.curve:
        if parts and point[0] - parts[-1][-1][0] < MERGE_S:
            parts[-1].append(point)
        else:
            parts.append([point])
    return parts


def lanes(person: Person) -> list[tuple[str, list[Span]]]:
    """Return the spans below a person's curve, by name of their lane (`LANES`)."""
    blinks = [Span(blink.onset_s, blink.offset_s) for blink in person.blinks]
    return list(zip(LANES, (blinks, person.head_shakes, person.speech, person.no_face), strict=True))


def summary_sentence(timeline: Timeline) -> str:
    """Say how long the video is and what was found in it."""
    length = f"{timeline.seconds:.1f} s, {timeline.source.fps:.4g} frames per second"
    if len(timeline.people) > 1:
        length = f"{length}, {len(timeline.people)} people"
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


def _blocks(timeline: Timeline, marks: Sequence[Mark]) -> Iterator[_Block]:
    several = len(timeline.people) > 1
    for person in timeline.people:
        chosen = _with_room([mark for mark in marks if mark.event.person == person.number], timeline.seconds)
        faces = _words_height(chosen) + _FACE + _FACE_GAP if chosen else 0.0
        curve = _PERSON + _CURVE_OF_SEVERAL if several else _CURVE
        yield _Block(person, chosen, faces + curve + _CURVE_GAP + _LANE * len(LANES) + _SCALE)


def _words_height(marks: Sequence[Mark]) -> float:
    """Return the height of the words above the faces, in inches."""
    return _WORDS * (1 + max(len(_caution_lines(mark.event)) for mark in marks) * 0.75)


def _caution_lines(event: Event) -> list[str]:
    return textwrap.wrap(cautions(event.head_moving, event.speaking, event.cut_off), 20)


def _write(figure: Figure, x: float, down: float, text: str, **style: Any) -> None:
    """Write text at a share of the width and at so many inches from the top."""
    figure.text(x, 1 - down / figure.get_figheight(), text, va="center", **style)


def _add_axes(figure: Figure, top: float, height: float, left: float = _LEFT, width: float = _RIGHT - _LEFT) -> Axes:
    """Add axes at so many inches from the top; left and width are shares of the width."""
    whole = figure.get_figheight()
    return figure.add_axes((left, 1 - (top + height) / whole, width, height / whole))


def _draw_legend(figure: Figure, timeline: Timeline) -> None:
    """Write what the colours of the events mean."""
    x = _RIGHT
    for kind in (MACRO, MICRO):
        if any(event.kind == kind for event in timeline.events):
            _write(figure, x, _EDGE + _TITLE / 2, f"■ {kind}-expression", fontsize=13, color=COLOURS[kind], ha="right")
            x -= 0.125


def _draw_block(figure: Figure, top: float, block: _Block, timeline: Timeline) -> None:
    """Draw a person's faces, curve and lanes, from so many inches from the top."""
    several = len(timeline.people) > 1
    if several:
        _write(figure, 0.02, top + _PERSON / 2, f"person {block.person.number}", fontsize=15, fontweight="bold")
        top += _PERSON
    if block.marks:
        top += _words_height(block.marks)
        for mark in block.marks:
            _draw_face(figure, top, mark, time_limit(timeline))
        top += _FACE + _FACE_GAP
    curve_height = _CURVE_OF_SEVERAL if several else _CURVE
    _draw_curve(_add_axes(figure, top, curve_height), block.person, timeline)
    _draw_lanes(_add_axes(figure, top + curve_height + _CURVE_GAP, _LANE * len(LANES)), block.person, timeline)


def _draw_curve(axes: Axes, person: Person, timeline: Timeline) -> None:
    limit = strength_limit(person, timeline.threshold)
    for part in curve_parts(person):
        seconds, z = zip(*part, strict=True)
        axes.fill_between(seconds, z, color="#dfe5ea", linewidth=0)
        axes.plot(seconds, z, color="#7b8794", linewidth=1.1)
    axes.axhline(timeline.threshold, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.text(
        time_limit(timeline), timeline.threshold, " detection threshold", fontsize=11.5, color=QUIET, va="bottom",
        ha="right",
    )  # fmt: skip
    for event in person.events:
        colour = COLOURS[event.kind]
        axes.axvspan(event.onset_s, event.offset_s, color=colour, alpha=0.22, linewidth=0)
        axes.plot([event.apex_s], [min(event.z or 0, limit)], "o", color=colour, markersize=5)
    axes.set_ylim(0, limit)
    axes.locator_params(axis="y", nbins=5)
    axes.set_ylabel("motion, in multiples\nof the noise", fontsize=13 if len(timeline.people) == 1 else 11)
    axes.yaxis.set_label_coords(-0.045, 0.5)
    _style(axes, timeline)
    axes.tick_params(axis="x", labelbottom=False)


def _draw_lanes(axes: Axes, person: Person, timeline: Timeline) -> None:
    shortest = 0.002 * timeline.seconds  # so that every span can be seen
    for lane, (_, spans) in enumerate(lanes(person)):
        bars = [(span.start_s, max(span.end_s - span.start_s, shortest)) for span in spans]
        axes.broken_barh(bars, (len(LANES) - lane - 0.8, 0.6), color=LANE_COLOURS[lane])
    axes.set_yticks([len(LANES) - lane - 0.5 for lane in range(len(LANES))], LANES, fontsize=13)
    axes.set_ylim(0, len(LANES))
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


def _draw_face(figure: Figure, top: float, mark: Mark, seconds: float) -> None:
    """Draw the face at an event's apex above the curve, and the words for the event above the face."""
    x = _LEFT + (_RIGHT - _LEFT) * mark.event.apex_s / seconds
    width = _FACE / _WIDTH
    left = min(max(x - width / 2, 0.005), 0.995 - width)
    axes = _add_axes(figure, top, _FACE, left, width)
    axes.imshow(mark.apex, interpolation="lanczos", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(COLOURS[mark.event.kind])
        spine.set_linewidth(2)
    words = _caution_lines(mark.event)
    axes.set_title(f"{mark.number} {mark.word}", fontsize=13, pad=5 + 14 * len(words))
    if words:
        axes.text(0.5, 1.05, "\n".join(words), fontsize=10.5, color=QUIET, ha="center", transform=axes.transAxes)
