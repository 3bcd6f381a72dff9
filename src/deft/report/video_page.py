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
from deft.inference import Recognition
from deft.language import triple
from deft.report import page, picture
from deft.report.timeline import lanes, strength_limit, summary_sentence, time_limit
from deft.spotting import Event
from deft.spotting.timeline import Timeline

_PANE_IN = (4.0, 3.6)  # width and height, in the proportions of `deft.report.overlay.SHOWN` of a crop
_MAX_TICKS = 8


class Pane(NamedTuple):
    """An image of a face as a data URI, and what it shows."""

    title: str
    uri: str


def html(name: str, timeline: Timeline, answers: Iterable[tuple[Event, Recognition | NoFaceError]]) -> str:
    """Return the page of a video and of the answers for its events (`deft.inference.recognise`)."""
    seconds, top = time_limit(timeline), strength_limit(timeline)
    ticks = np.asarray(MaxNLocator(_MAX_TICKS, steps=[1, 2, 5, 10]).tick_values(0, seconds))
    return page.templates().get_template("video.html.j2").render(
        name=name,
        sentence=summary_sentence(timeline),
        seconds=seconds,
        curve=[(100 * time / seconds, 100 - 100 * z / top) for time, z in timeline.curve],
        threshold=100 * timeline.threshold / top,
        lanes=[(lane, spans) for lane, spans in lanes(timeline) if spans],
        ticks=ticks[ticks <= seconds].tolist(),
        answers=[(event, answer, panes(answer)) for event, answer in answers],
        unit_name=triple.unit_name,
        nothing=triple.NOTHING,
    )  # fmt: skip


def refused(name: str, error: DataError) -> str:
    """Return the page that says why a file cannot be used."""
    return page.templates().get_template("refused.html.j2").render(name=name, error=error)


def panes(answer: Recognition | NoFaceError) -> list[Pane]:
    """Return an event's onset, apex, motion and evidence by region; nothing if no face was found."""
    if isinstance(answer, NoFaceError):
        return []
    with picture.styled():
        figure, axes = plt.subplots(1, 4, figsize=(4 * _PANE_IN[0], _PANE_IN[1]), gridspec_kw={"wspace": 0})
        figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
        measured = answer.measured
        picture.faces(axes, answer.onset, answer.apex, measured.points, measured.flows[-1], measured.evidence)
        uris = [_data_uri(figure, pane) for pane in axes]
        plt.close(figure)
    return [Pane(title, uri) for title, uri in zip(picture.TITLES, uris, strict=True)]


def _data_uri(figure: Figure, pane: Axes) -> str:
    """Render one pane of a figure as WebP."""
    file = io.BytesIO()
    box = pane.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    figure.savefig(file, format="webp", dpi=picture.DPI, bbox_inches=box)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
