"""A film that was watched, as HTML that needs no file beside it: its timeline, and a page an event."""

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
from deft.report import page, picture, timeline
from deft.spotting import rule
from deft.spotting.rule import Event
from deft.spotting.timeline import Film, Span

_PANE_IN = (4.0, 3.6)  # as wide and high as `deft.report.overlay.SHOWN` of a crop
_TICKS = 8  # at most


class Pane(NamedTuple):
    """A picture of a face as a data URI, and what it shows."""

    title: str
    uri: str


def html(name: str, film: Film, recognitions: Iterable[tuple[Event, Recognition | NoFaceError]]) -> str:
    """The page of a film and of what was said of each of its events (`deft.inference.recognise`)."""
    long, top = timeline.seconds(film), timeline.top(film)
    lanes = [Span(blink.onset_s, blink.offset_s) for blink in film.blinks], film.shaken, film.unseen
    ticks = np.asarray(MaxNLocator(_TICKS, steps=[1, 2, 5, 10]).tick_values(0, long))
    return page.templates().get_template("film.html.j2").render(
        name=name,
        sentence=timeline.sentence(film),
        film=film,
        long=long,
        curve=[(100 * at / long, 100 - 100 * z / top) for at, z in film.curve],
        noise=100 * rule.Z / top,
        lanes=[lane for lane in zip(timeline.LANES, lanes, strict=True) if lane[1]],
        ticks=ticks[ticks <= long].tolist(),
        answers=[(*answer, panes(answer[1])) for answer in recognitions],
        unit_name=triple.unit_name,
        nothing=triple.NOTHING,
    )  # fmt: skip


def refused(name: str, error: DataError) -> str:
    """What to say of a file that cannot be used."""
    return page.templates().get_template("refused.html.j2").render(name=name, error=error)


def panes(recognition: Recognition | NoFaceError) -> list[Pane]:
    """Onset, apex, motion and evidence by region of an event; none where no face was seen."""
    if isinstance(recognition, NoFaceError):
        return []
    with picture.styled():
        figure, axes = plt.subplots(1, 4, figsize=(4 * _PANE_IN[0], _PANE_IN[1]), gridspec_kw={"wspace": 0})
        figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
        measured = recognition.measured
        picture.faces(axes, recognition.onset, recognition.apex, measured.points, measured.flows[-1], measured.evidence)
        cut = [_picture(figure, pane) for pane in axes]
        plt.close(figure)
    return [Pane(*each) for each in zip(picture.TITLES, cut, strict=True)]


def _picture(figure: Figure, pane: Axes) -> str:
    file = io.BytesIO()
    box = pane.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    figure.savefig(file, format="webp", dpi=picture.DPI, bbox_inches=box)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
