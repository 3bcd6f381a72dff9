"""The conditions under which a video is rendered, and its truth: who does what, when, and when the picture cuts."""

from typing import Literal, NamedTuple

from deft.render.corpus import ClipPlan


class Conditions(NamedTuple):
    """What makes a rendered video harder than the default one. Without any, `deft.render.videos` renders as ever.

    Conditions can be combined. Each draws its random numbers from a stream of its own, so adding one leaves the rest
    of a video as it was, except that macro-expressions and speech take the place of some micro-expressions.
    """

    macro: bool = False  # macro-expressions that part the lips and show the teeth
    speech: bool = False  # spans of 2 to 5 s in which the person speaks
    pan: bool = False  # the camera pans by up to 110 px
    zoom: bool = False  # the camera zooms by a factor of 1 to 1.35
    orbit: bool = False  # the camera moves around the person: the head turns against its backdrop
    turn: bool = False  # the head turns in depth, by up to 10° of yaw and of pitch
    posture: bool = False  # the person shifts by 10 to 30 px
    exposure: bool = False  # the exposure hunts: ramps of up to ±20 % within a second
    two_people: bool = False  # two people sit side by side: frames are 1280 px wide
    cuts: bool = False  # the picture cuts to another person, or to two others, and to a landscape


PLAIN = Conditions()


class Macro(NamedTuple):
    """A macro-expression: it holds its apex for some frames, and then falls."""

    name: str  # a key of `deft.render.expressions.MACROS`
    amplitude: float  # of the landmark that moves farthest, in eye distances
    gap: float  # how far the lips part, in eye distances
    held: int  # number of frames


class Event(NamedTuple):
    """The expression ``clip``, shown from frame ``onset`` over ``apex`` to ``offset``."""

    onset: int
    apex: int
    offset: int
    clip: ClipPlan | Macro
    person: int = 0

    @property
    def kind(self) -> Literal["micro", "macro"]:
        """Whether this is a micro-expression or a macro-expression."""
        return "macro" if isinstance(self.clip, Macro) else "micro"


class Shot(NamedTuple):
    """The people that are visible from frame ``first`` until the next shot, from left to right; none: a landscape."""

    first: int
    people: tuple[int, ...]


class VideoPlan(NamedTuple):
    """What a rendered video shows, at 200 frames per second.

    ``events``, ``blinks`` and ``speech`` are those of the first person. Each of ``others`` holds those of another
    person, whose events name their ``person``: 1, 2, …
    """

    seed: int
    subject: int
    frames: int  # number of frames
    events: tuple[Event, ...]  # in order
    blinks: tuple[tuple[int, int], ...]  # first and last frame of each
    conditions: Conditions = PLAIN
    speech: tuple[tuple[int, int], ...] = ()  # first and last frame of each span
    shots: tuple[Shot, ...] = (Shot(0, (0,)),)  # in order
    others: tuple["VideoPlan", ...] = ()

    @property
    def people(self) -> tuple["VideoPlan", ...]:
        """The plan of each person, beginning with this one."""
        return (self, *self.others)

    @property
    def cuts(self) -> tuple[int, ...]:
        """The frames before which the picture cuts."""
        return tuple(shot.first for shot in self.shots[1:])
