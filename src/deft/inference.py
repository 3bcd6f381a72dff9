"""Answer for the events of a video that nobody labelled: spot them, measure each, ask the tuned model."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from deft import measure, prior
from deft.core.errors import DataError, NoFaceError
from deft.core.params import SPOTTING, Measurement, Spotting
from deft.language import triple
from deft.measure import Measured
from deft.media import Image, video
from deft.models import deft as family
from deft.models.deft import store
from deft.models.deft.answering import decoding
from deft.models.deft.model import Deft
from deft.spotting import Event, expression_kind, timeline
from deft.spotting.rule import Rule

RENDERED = "rendered"  # the dataset of drawn faces that the stage `render` writes
NOT_READABLE = "not readable: nothing stands out against this event's noise"
_NAME_FRAMES = "name its frames: --onset and --apex"
DRAWN_FACES = (
    "This model has only seen drawn faces: on filmed ones its words for emotions are not to be relied on; "
    "what moved is measured."
)


class Recogniser(NamedTuple):
    """A tuned model, and how its training clips were measured; ``prior`` is None under the method "rules"."""

    model: Deft
    measurement: Measurement
    prior: prior.Prior | None
    spotting: Spotting = SPOTTING

    @property
    def note(self) -> str | None:
        """What a reader of the model's answers should know about the model."""
        datasets = self.model.config.datasets
        return DRAWN_FACES if set(datasets) == {RENDERED} else None


class Recognition(NamedTuple):
    """The answer for one event, and the measurement that it rests on.

    triple: category, evidence and rationale.
    emotions: class → the emotion head's probability.
    units: Action Unit → the unit head's probability.
    measured: the event's crops, landmarks, flow and evidence.
    """

    event: Event
    triple: triple.Triple
    emotions: dict[str, float]
    units: dict[int, float]
    measured: Measured

    @property
    def confidence(self) -> float:
        """The emotion head's probability of the class that the triple names."""
        return self.emotions[self.triple.emotion]

    @property
    def as_measured(self) -> list[bool]:
        """Whether each sight of the triple's evidence has the direction and the level that were measured of its region.

        A sight that has not is the model's reading.
        """
        measured = {region.region: (region.direction, region.level) for region in self.measured.evidence}
        return [measured[sight.region] == (sight.direction, sight.level) for sight in self.triple.evidence]


class NotReadable(NamedTuple):
    """The outcome for an event in which no region's motion stands out against the noise; there is nothing to name."""

    event: Event
    measured: Measured


Answer = Recognition | NotReadable | NoFaceError


@contextmanager
def load(folder: Path, spotting: Spotting = SPOTTING) -> Iterator[Recogniser]:
    """Lend the tuned model in a folder, and how events are searched for.

    Raises:
        DataError: the folder or one of its files is missing, or its base model is.

    """
    measurement = store.measurement(folder)
    with family.load(folder) as model:
        needed = measurement.needs_prior(model.config.experts)
        reader = prior.load(folder / store.PRIOR) if needed else None
        yield Recogniser(model, measurement, reader, spotting)


def spot(source: video.Source, recogniser: Recogniser, largest: bool = False) -> timeline.Timeline:
    """Spot the events of a video, at the scale at which the model's clips were measured.

    ``largest`` looks at the person with the largest face alone.
    """
    return timeline.spot(
        source, recogniser.measurement.crop, Rule(recogniser.prior, recogniser.spotting), largest, recogniser.spotting
    )


def given_event(source: video.Source, onset: int, apex: int) -> timeline.Timeline:
    """Return a timeline with one event, whose onset and apex are given as frames from 0; no other frame is looked at.

    The event is that of the largest face. It is taken to fall as long as it rose, if the video is that long.

    Raises:
        DataError: the video ends before the apex, or the apex lies before the onset.

    """
    if not 0 <= onset <= apex:
        raise DataError(source.path, f"onset {onset}, apex {apex}", "0 ≤ onset ≤ apex", "swap or mend them")
    frames = video.pick(source, {onset, apex, 2 * apex - onset})
    seconds = {frame.number: frame.seconds for frame in frames}
    if apex not in seconds:
        raise DataError(source.path, f"no frame {apex}", "an apex within the video", "give a smaller --apex")
    offset = max(seconds)
    kind = expression_kind(seconds[offset] - seconds[onset])
    event = Event(kind, onset, apex, offset, seconds[onset], seconds[apex], seconds[offset], None)
    length = max(source.declared_frames, offset + 1)
    person = timeline.Person(event.person, [event], [], [], [], [], [], [])
    return timeline.Timeline(source, length, length / source.fps, [person], SPOTTING.threshold)


def recognise(source: video.Source, events: Sequence[Event], recogniser: Recogniser) -> Iterator[tuple[Event, Answer]]:
    """Yield each event, given and returned in order of the onsets, with the model's answer.

    Instead of an answer comes `NotReadable` where nothing stands out, and the error where the onset shows no face of
    the event's person. The video is read once; only the frames of the events at hand are held.

    Raises:
        DataError: the model gives no whole answer.

    """
    if not events:
        return
    crop = recogniser.measurement.crop
    positions = [measure.crop_positions(event.onset, event.apex, event.offset, crop) for event in events]
    waiting = deque(zip(events, positions, strict=True))
    kept: dict[int, Image] = {}
    for frame in video.pick(source, {number for numbers in positions for number in numbers}):
        kept[frame.number] = frame.image
        while waiting and frame.number >= waiting[0][1][-1]:
            event, numbers = waiting.popleft()
            try:
                yield event, _recognise({number: kept[number] for number in numbers}, event, recogniser)
            except NoFaceError as error:
                yield event, error
            first = min((numbers[0] for _, numbers in waiting), default=frame.number + 1)
            kept = {number: image for number, image in kept.items() if number >= first}


def strongest(path: Path, folder: Path) -> Recognition:
    """Return the answer of the tuned model in ``folder`` for the video's event with the strongest motion.

    Raises:
        NoFaceError: no face is seen.
        DataError: the video or the model cannot be read, nothing in the video moves above its noise, or nothing in its
            strongest event does.

    """
    source = video.open_source(path)
    with load(folder) as recogniser:
        events = spot(source, recogniser).events
        if not events:
            raise DataError(path, "no facial motion above its own noise", "an expression", _NAME_FRAMES)
        event = max(events, key=lambda event: event.z or 0.0)
        ((_, recognition),) = recognise(source, [event], recogniser)
    if isinstance(recognition, NoFaceError):
        raise recognition
    if isinstance(recognition, NotReadable):
        raise DataError(path, "nothing that stands out against its noise", "an expression", _NAME_FRAMES)
    return recognition


def _recognise(frames: Mapping[int, Image], event: Event, recogniser: Recogniser) -> Recognition | NotReadable:
    """Measure an event from its frames (H, W, 3), by number, and ask the model if anything stands out."""
    model, measurement, reader, _ = recogniser
    measured = measure.clip(
        frames, event.onset, event.apex, model.config.experts, measurement, reader, event.noise, event.place
    )
    if all(region.level == "none" for region in measured.evidence):
        return NotReadable(event, measured)
    vectors = {expert: tokens[None] for expert, tokens in measured.tokens.items()}  # (1, tokens, dim) each
    (answer,) = decoding.answer(model, vectors)
    parsed = triple.parse(answer.text)
    if parsed is None:
        raise DataError("the model's answer", f'"{answer.text}"', "a whole triple", "tune the model for longer")
    return Recognition(
        event=event,
        triple=parsed,
        emotions=dict(zip(model.config.emotions, answer.emotions, strict=True)),
        units=dict(zip(model.config.units, answer.units, strict=True)),
        measured=measured,
    )
