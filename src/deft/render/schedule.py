"""When something happens in a video: expressions, blinks and speech of each person, and the shots of the camera."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from deft.render import clips, corpus, expressions, paths
from deft.render.conditions import Conditions, Event, Macro, Shot, VideoPlan
from deft.render.corpus import FPS

APART_S = 1.0  # least time between two events, before the first and after the last
MICROS, MACROS, SPANS = (5, 9), (2, 4), (1, 3)  # how many in 30 s: at least, less than
SPEECH_S = (2.0, 5.0)
SHOT_S = (4.0, 8.0)
_ANOTHER = 1000  # the second person of video n is the first of video n + 1000, the third that of n + 2000


def plan(seed: int, number: int, frames: int, conditions: Conditions) -> VideoPlan:
    """Plan a video under conditions (`deft.render.videos.plan`)."""
    shots = _shots(seed, number, frames, conditions)
    ends = [*(shot.first for shot in shots[1:]), frames]
    count = 1 + max((person for shot in shots for person in shot.people), default=0)
    people = []
    for person in range(count):
        visible = [(shot.first, end) for shot, end in zip(shots, ends, strict=True) if person in shot.people]
        people.append(_plan_person(seed, number, person, frames, visible, conditions))
    if conditions.macro and not any(event.kind == "macro" for person in people for event in person.events):
        raise ValueError(f"seconds: {frames / FPS:.1f} are too few for a macro-expression; ask for a longer video")
    if conditions.speech and not any(person.speech for person in people):
        raise ValueError(f"seconds: {frames / FPS:.1f} are too few for speech; ask for a longer video")
    first, *others = people
    return first._replace(conditions=conditions, shots=shots, others=tuple(others))


def candidates(seed: int, number: int) -> list[corpus.ClipPlan]:
    """Return the micro-expressions that a video can show: all but those in which nothing but the lids moves down.

    Nobody could tell these from a blink.
    """
    plans = corpus.plan(seed + number, 1, 40, wrong=0.0)
    return [clip for clip in plans if not {motion.unit for motion in clip.moved} <= {43, 45}]


def place(rng: Generator, durations: Sequence[int], frames: int, apart_s: float = APART_S) -> list[int]:
    """Draw when things of these durations start, one after the other, so that all are at least ``apart_s`` apart.

    Durations and starts are numbers of frames. Raises ValueError if ``frames`` are too few.
    """
    count = len(durations)
    apart = round(apart_s * FPS)
    spare = frames - sum(durations) - apart * (count + 1)
    if spare < 0:
        raise ValueError(f"seconds: expected at least {(frames - spare) / FPS:.1f}, got {frames / FPS:.1f}")
    gaps = np.diff(np.sort(rng.uniform(0, spare, count)), prepend=0).astype(int) + apart
    starts, end = [], 0
    for gap, duration in zip(gaps.tolist(), durations, strict=True):
        starts.append(end + gap)
        end += gap + duration
    return starts


def event(clip: corpus.ClipPlan, onset: int, person: int = 0) -> Event:
    """Return the micro-expression of a clip, moved to another onset."""
    return Event(onset, onset + clip.apex - clip.onset, onset + clip.offset - clip.onset, clip, person)


def strength(event: Event, t: int) -> float:
    """Return the strength of an event's expression at frame ``t``, in [0, 1]."""
    if isinstance(event.clip, Macro):
        return expressions.macro_strength(t, event.onset, event.apex, event.clip.held, event.offset)
    return float(clips.rise_and_fall(t + 1, event.onset, event.apex, event.offset)[t])


def _shots(seed: int, number: int, frames: int, conditions: Conditions) -> tuple[Shot, ...]:
    """Draw the shots of a video: without cuts, one."""
    first = (0, 1) if conditions.two_people else (0,)
    if not conditions.cuts:
        return (Shot(0, first),)
    rng = np.random.default_rng([seed, number, paths.SHOTS])
    others = tuple(len(first) + person for person in first)
    scenes = [first, others, first, ()]  # again and again, in this order
    starts = [0]
    while starts[-1] + 2 * SHOT_S[0] * FPS < frames:
        starts.append(starts[-1] + round(FPS * rng.uniform(*SHOT_S)))
    # The last shot is as long as any other.
    starts = [start for start in starts if start == 0 or start <= frames - SHOT_S[0] * FPS]
    return tuple(Shot(start, scenes[index % len(scenes)]) for index, start in enumerate(starts))


def _plan_person(
    seed: int, number: int, person: int, frames: int, visible: Sequence[tuple[int, int]], conditions: Conditions
) -> VideoPlan:
    """Plan what a person does within the stretches of a video in which they are visible."""
    role = number + _ANOTHER * person
    rng = np.random.default_rng([seed, role, paths.EVENTS])
    clips_left = candidates(seed, role)
    clips_left = [clips_left[index] for index in rng.permutation(len(clips_left))]
    events: list[Event] = []
    speech: list[tuple[int, int]] = []
    for first, last in visible:
        share = (last - first) / FPS / 30
        micros = max(1, round(int(rng.integers(*MICROS)) * share))
        macros = max(1, round(int(rng.integers(*MACROS)) * share)) if conditions.macro else 0
        spans = max(1, round(int(rng.integers(*SPANS)) * share)) if conditions.speech else 0
        things = _things(rng, [clips_left.pop() for _ in range(micros)], macros, spans, last - first)
        starts = place(rng, [duration for _, duration in things], last - first)
        for (thing, duration), start in zip(things, starts, strict=True):
            onset = first + start
            if thing is None:
                speech.append((onset, onset + duration))
            elif isinstance(thing, corpus.ClipPlan):
                events.append(event(thing, onset, person))
            else:
                macro, rise = thing
                events.append(Event(onset, onset + rise, onset + duration, macro, person))
    rng = np.random.default_rng([seed, role, paths.BLINKS])
    duration = round(paths.BLINK_S * FPS)
    starts = paths.draw_times(rng, paths.BLINK_INTERVAL_S, frames)
    blinks = [
        (start, start + duration)
        for start in starts
        if any(first <= start and start + duration <= last for first, last in visible)
    ]
    return VideoPlan(seed, 1 + role, frames, tuple(events), tuple(blinks), speech=tuple(speech))


Thing = corpus.ClipPlan | tuple[Macro, int] | None  # a micro-expression; a macro-expression and its rise; speech


def _things(
    rng: Generator, micros: Sequence[corpus.ClipPlan], macros: int, spans: int, frames: int
) -> list[tuple[Thing, int]]:
    """Draw what a person does and for how many frames, in random order; what does not fit is left out.

    One of each kind comes first, so that it is the last to be left out.
    """
    kinds: list[list[tuple[Thing, int]]] = [[(clip, clip.offset - clip.onset) for clip in micros]]
    drawn = [expressions.draw_macro(rng) for _ in range(macros)]
    kinds.append([((macro, rise), rise + macro.held + fall) for macro, rise, fall in drawn])
    kinds.append([(None, round(FPS * rng.uniform(*SPEECH_S))) for _ in range(spans)])
    firsts = [kind[0] for kind in kinds if kind]
    firsts = [firsts[index] for index in rng.permutation(len(firsts))]
    others = [thing for kind in kinds for thing in kind[1:]]
    things: list[tuple[Thing, int]] = []
    left = frames - APART_S * FPS
    for thing in (*firsts, *(others[index] for index in rng.permutation(len(others)))):
        needed = thing[1] + APART_S * FPS
        if needed <= left:
            things.append(thing)
            left -= needed
    return [things[index] for index in rng.permutation(len(things))]
