"""From a video that nobody labelled to triples: watch it, measure each event, answer."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deft import experts
from deft.core.errors import DataError, NoFaceError
from deft.face import Points, align, backend
from deft.language import triple
from deft.media import Image, pictures, video
from deft.models import deft as family
from deft.models.deft import store
from deft.models.deft.answering import decoding
from deft.models.deft.model import Deft
from deft.motion import evidence, steps
from deft.spotting import rule, timeline
from deft.spotting.rule import Event


class Seen(NamedTuple):
    """What an event shows, and what this rests on: RGB crops of onset and apex, landmarks, the motion between them."""

    event: Event
    triple: triple.Triple
    emotions: dict[str, float]  # the head's probabilities
    units: dict[int, float]
    before: Image
    after: Image
    points: Points
    flow: npt.NDArray[np.float32]
    evidence: list[evidence.Evidence]

    @property
    def confidence(self) -> float:
        """The emotion head's probability of the class that the triple names."""
        return self.emotions[self.triple.emotion]


def watch(source: video.Source, folder: Path) -> timeline.Film:
    """Watch a film at the scale at which the tuned model in ``folder`` measures (`deft.spotting.timeline.watch`)."""
    return timeline.watch(source, **_geometry(store.measurement(folder).model_dump()))


def given(source: video.Source, onset: int, apex: int) -> timeline.Film:
    """A film of which nothing is looked at but one event, its onset and apex given as frames from 0.

    It is taken to fall as long as it rose, if the video is that long.

    Raises:
        DataError: the video does not reach to its apex, or the apex lies before the onset.

    """
    if not 0 <= onset <= apex:
        raise DataError(source.path, f"onset {onset}, apex {apex}", "0 ≤ onset ≤ apex", "swap or mend them")
    times = {frame.number: frame.seconds for frame in video.pick(source, {onset, apex, 2 * apex - onset})}
    if apex not in times:
        raise DataError(source.path, f"no frame {apex}", "an apex within the video", "give a smaller --apex")
    offset = max(times)
    kind = rule.kind(times[offset] - times[onset])
    event = Event(kind, onset, apex, offset, times[onset], times[apex], times[offset], None)
    frames = max(source.promises, offset + 1)
    return timeline.Film(source, frames, frames / source.fps, [event], [], [], [], [])


def answers(source: video.Source, events: Sequence[Event], folder: Path) -> Iterator[tuple[Event, Seen | NoFaceError]]:
    """What the tuned model in ``folder`` says of each event, in order of their onsets; of one without a face, why not.

    The video is read once; only the frames of the events at hand are held.

    Raises:
        DataError: the model cannot be read, or gives no whole answer.

    """
    if not events:
        return
    dials, model = store.measurement(folder).model_dump(), ExitStack().enter_context(family.load(folder))
    places = [align.spread(each.onset, each.apex, each.offset, dials["crop"]["frames"]) for each in events]
    waiting, kept = deque(zip(events, places, strict=True)), dict[int, Image]()
    for frame in video.pick(source, {at for place in places for at in place}):
        kept[frame.number] = frame.image
        while waiting and frame.number >= waiting[0][1][-1]:
            event, place = waiting.popleft()
            try:
                yield event, _answer({at: kept[at] for at in place}, event, model, dials)
            except NoFaceError as error:
                yield event, error
            needed = min((each[1][0] for each in waiting), default=frame.number + 1)
            kept = {at: image for at, image in kept.items() if at >= needed}


def strongest(path: Path, folder: Path) -> Seen:
    """The answer for the event with the strongest motion.

    Raises:
        NoFaceError: no face is seen.
        DataError: the video or the model cannot be read, or nothing in the video moves above its noise.

    """
    source = video.open_source(path)
    events = watch(source, folder).events
    if not events:
        expected = "an expression"
        raise DataError(path, "no facial motion above its own noise", expected, "name its frames: --onset and --apex")
    best = max(events, key=lambda event: event.z or 0.0)
    ((_, seen),) = answers(source, [best], folder)
    if isinstance(seen, NoFaceError):
        raise seen
    return seen


def _answer(kept: Mapping[int, Image], event: Event, model: Deft, dials: Mapping[str, Any]) -> Seen:
    geometry, onset, apex = _geometry(dials), event.onset, event.apex
    matrix = align.transform(timeline.face(kept[onset]), **geometry)
    crops = {at: align.cut(frame, matrix, geometry["size_px"]) for at, frame in kept.items()}
    points = backend(dials["landmarks"]["backend"])(crops[onset])
    grey = {at: pictures.grey(crop) for at, crop in crops.items()}
    at = steps.positions(grey, onset, apex, dials["flow"]["steps"])
    moved = steps.measure(grey, points, onset, at, dials["flow"]["compensated"])
    flows = np.stack([step.flow for step in moved])
    levels = tuple(dials["verify"][name] for name in ("slight_z", "clear_z", "strong_z"))
    found = evidence.measure(flows, points, moved[-1].noise, levels)
    clip, eyes = experts.Clip(list(crops.values()), points, flows, moved[-1].noise), dials["features"]
    views = {
        expert: np.stack(experts.look(expert, eyes[expert], [clip], eyes["grid"], eyes["tokens"]))
        for expert in model.config.experts
    }
    said = decoding.answer(model, views)[0]
    told = triple.parse(said.text)
    if told is None:
        raise DataError("the model's answer", f'"{said.text}"', "a whole triple", "tune the model for longer")
    emotions = dict(zip(model.config.emotions, said.emotions, strict=True))
    units = dict(zip(model.config.units, said.units, strict=True))
    return Seen(event, told, emotions, units, crops[onset], crops[apex], points, moved[-1].flow, found)


def _geometry(dials: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dials["crop"][name] for name in ("size_px", "iod_px", "eye_line")}
