"""The events of a video as HTML that needs no other file: its timeline, and an entry for each event."""

import base64
import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deft.core.errors import DataError, NoFaceError
from deft.inference import NOT_READABLE, Answer, NotReadable, Recognition
from deft.language import triple
from deft.measure import Measured
from deft.report import page, picture
from deft.report.timeline import cautions, curve_parts, lanes, strength_limit, summary_sentence, time_limit
from deft.spotting import Event
from deft.spotting.timeline import Person, Span, Timeline

_PANE_IN = (4.0, 3.6)  # width and height, in the proportions of `deft.report.overlay.SHOWN` of a crop
_MAX_TICKS = 8


class Pane(NamedTuple):
    """An image of a face as a data URI, and what it shows."""

    title: str
    uri: str


class Entry(NamedTuple):
    """An event in the list: its number from 1, what speaks against it, and its answer with images of the face.

    ``sights`` are the pieces of the model's evidence, each with what was measured instead if it is not as measured.
    ``excuse`` is why there is no answer.
    """

    number: int
    event: Event
    cautions: str
    answer: Recognition | None
    sights: list[tuple[triple.Sight, str]]
    excuse: str
    details: str
    panes: list[Pane]


class Block(NamedTuple):
    """A person's part of the timeline; ``curve``, in parts, and ``threshold`` are in per cent of width and height."""

    number: int
    curve: list[list[tuple[float, float]]]
    threshold: float
    lanes: list[tuple[str, list[Span]]]


def html(name: str, timeline: Timeline, answers: Iterable[tuple[Event, Answer]], note: str | None) -> str:
    """Return the page of a video and of the answers for its events (`deft.inference.recognise`).

    ``note`` is on the model (`deft.inference.Recogniser`).
    """
    seconds = time_limit(timeline)
    ticks = np.asarray(MaxNLocator(_MAX_TICKS, steps=[1, 2, 5, 10]).tick_values(0, seconds))
    return page.templates().get_template("video.html.j2").render(
        name=name,
        sentence=summary_sentence(timeline),
        seconds=seconds,
        note=note,
        blocks=[_block(person, seconds, timeline.threshold) for person in timeline.people],
        ticks=ticks[ticks <= seconds].tolist(),
        entries=[_entry(number, event, answer) for number, (event, answer) in enumerate(answers, 1)],
        unit_name=triple.unit_name,
        nothing=triple.NOTHING,
    )  # fmt: skip


def refused(name: str, error: DataError) -> str:
    """Return the page that says why a file cannot be used."""
    return page.templates().get_template("refused.html.j2").render(name=name, error=error)


def _block(person: Person, seconds: float, threshold: float) -> Block:
    top = strength_limit(person, threshold)
    return Block(
        number=person.number,
        curve=[[(100 * time / seconds, 100 - 100 * z / top) for time, z in part] for part in curve_parts(person)],
        threshold=100 * threshold / top,
        lanes=[(lane, spans) for lane, spans in lanes(person) if spans],
    )


def _entry(number: int, event: Event, answer: Answer) -> Entry:
    words = cautions(event.head_moving, event.speaking, event.cut_off)
    if isinstance(answer, NoFaceError):
        details = (
            f"The face moved here, but it could not be analysed: found {answer.found}, expected {answer.expected}."
        )
        return Entry(number, event, words, None, [], "no face at its onset", details, [])
    shown = panes(event, answer.measured)
    if isinstance(answer, NotReadable):
        return Entry(number, event, words, None, [], "not readable", f"{NOT_READABLE.capitalize()}.", shown)
    return Entry(number, event, words, answer, _sights(answer), "", "", shown)


def _sights(answer: Recognition) -> list[tuple[triple.Sight, str]]:
    """Return the pieces of the model's evidence, each with what was measured instead, empty if it is as measured."""
    texts = {
        region.region: "still" if region.level == "none" else f"{region.direction}, {region.level}"
        for region in answer.measured.evidence
    }
    pairs = zip(answer.triple.evidence, answer.as_measured, strict=True)
    return [(sight, "" if measured else texts[sight.region]) for sight, measured in pairs]


def panes(event: Event, measured: Measured) -> list[Pane]:
    """Return images of an event's onset, apex, motion and evidence by region."""
    onset, apex = measured.crops[event.onset], measured.crops[event.apex]
    with picture.styled():
        figure, axes = plt.subplots(1, 4, figsize=(4 * _PANE_IN[0], _PANE_IN[1]), gridspec_kw={"wspace": 0})
        figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
        picture.faces(axes, onset, apex, measured.points, measured.flows[-1], measured.evidence)
        uris = [_data_uri(figure, pane) for pane in axes]
        plt.close(figure)
    return [Pane(title, uri) for title, uri in zip(picture.TITLES, uris, strict=True)]


def _data_uri(figure: Figure, pane: Axes) -> str:
    """Render one pane of a figure as WebP."""
    file = io.BytesIO()
    box = pane.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    figure.savefig(file, format="webp", dpi=picture.DPI, bbox_inches=box)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
