"""The plan of the rendered corpus: each clip's subject, emotion, units and amplitudes, and its row in the sheet.

Emotions, their shares and the unit combinations follow CASME II (Yan et al. 2014, PLoS ONE 9(1): e86041), with a few
rare units mixed in so that each of the renderer's units occurs.
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

FPS = 200
SHARES = {"others": 0.26, "disgust": 0.22, "happiness": 0.18, "surprise": 0.18, "repression": 0.16}

# Combinations per emotion and their weights.
COMBINATIONS: dict[str, dict[str, float]] = {
    "happiness": {"12": 8, "6+12": 7, "R12": 2, "L12": 2, "6+7+12": 1, "12+25": 1, "R6+R12": 1},
    "disgust": {
        "4+7": 7, "9": 3, "4+9": 4, "10": 3, "4+7+9": 4, "4+10": 2, "4+L10": 1, "7+10": 1, "9+17": 1,
        "10+16": 0.5, "L9": 1,
    },
    "surprise": {
        "1+2": 8, "2": 3, "5": 1, "1+2+5": 3, "25": 1, "1+2+25": 2, "L1+L2": 1, "R2": 1, "1+2+26": 0.5, "5+27": 0.8,
    },
    "repression": {
        "15": 4, "17": 6, "14+17": 3, "15+17": 4, "24": 2, "17+24": 1, "L15": 1, "17+23": 0.7, "18": 0.4, "28": 0.4,
        "20": 0.4,
    },
    "others": {
        "4": 12, "14": 4, "L14": 3, "R14": 3, "4+14": 2, "4+L14": 1, "L4": 1, "4+7": 2, "17": 1, "38": 0.7, "39": 0.4,
        "22": 0.4, "43": 0.4,
    },
}  # fmt: skip

AMBIGUOUS = 0.06  # share of clips that show a combination of another emotion, as coders disagree
LETTERED = 0.05  # share of sheet cells with an intensity letter

# Units that move the same skin, weighted. A wrong unit is drawn from a place without motion in the clip, so that
# verification can detect it.
PLACES: tuple[dict[str, float], ...] = (
    {"1": 1, "2": 1, "4": 3},
    {"5": 0.3, "6": 1, "7": 3, "43": 0.1, "45": 0.3},
    {"9": 1, "38": 0.2, "39": 0.2},
    {
        "10": 1, "12": 2, "14": 3, "15": 2, "16": 0.1, "17": 3, "18": 0.1, "20": 0.2, "22": 0.1, "23": 0.2, "24": 0.5,
        "25": 0.5, "26": 0.1, "27": 0.1, "28": 0.1,
    },
)  # fmt: skip


class Motion(NamedTuple):
    """One moving Action Unit: the subject's side ("R", "L", None for both) and the amplitude at the apex, frame px."""

    unit: int
    side: str | None
    amplitude_px: float


class Style(NamedTuple):
    """A subject's way of moving: a factor on every amplitude, and the share by which the left side is weaker."""

    strength: float
    lopsided: float


class ClipPlan(NamedTuple):
    """One clip of the corpus; frames counts its frames, onset, apex and offset are positions in them (0-based).

    moved: the units that move. lopsided: the share by which the left side of a two-sided unit is weaker.
    listed: the sheet's cell, an int where CASME II has one. first: number of the clip's first frame in its recording.
    wrong: "still" where the sheet lists a unit that does not move, "unlisted" where it lacks one that does, else None.
    """

    seed: int
    subject: int
    number: int
    name: str
    emotion: str
    moved: tuple[Motion, ...]
    lopsided: float
    listed: str | int
    wrong: str | None
    frames: int
    onset: int
    apex: int
    offset: int
    first: int


def plan(seed: int, subjects: int, clips: int, wrong: float) -> list[ClipPlan]:
    """Return the plans of `clips` clips for each of `subjects` subjects, sorted by subject and name.

    A share `wrong` of all rows lists wrong units, half "still", half "unlisted". Raises ValueError outside [0, 1].
    """
    if not 0 <= wrong <= 1:
        raise ValueError(f"wrong: expected a share in [0, 1], got {wrong}")
    rng = np.random.default_rng([seed, 0])
    total = subjects * clips
    emotions = _deal(total, rng)
    errors: list[str | None] = [None] * total
    wrong_rows = rng.permutation(total)[: round(wrong * total)]
    for index, row in enumerate(wrong_rows):
        errors[row] = ("still", "unlisted")[index % 2]
    plans = []
    for subject in range(1, subjects + 1):
        style = Style(float(rng.uniform(0.8, 1.25)), float(np.clip(rng.normal(0, 0.08), -0.2, 0.2)))
        for number, name in enumerate(_names(clips, rng)):
            row = (subject - 1) * clips + number
            moved, listed = _show(emotions[row], errors[row], style, rng)
            onset, rise, fall = int(rng.integers(0, 5)), int(rng.integers(12, 28)), int(rng.integers(16, 36))
            frames = max(40, onset + rise + fall + 1 + int(rng.integers(0, 8)))
            plans.append(
                ClipPlan(
                    seed=seed, subject=subject, number=number, name=name, emotion=emotions[row], moved=moved,
                    lopsided=style.lopsided, listed=listed, wrong=errors[row], frames=frames, onset=onset,
                    apex=onset + rise, offset=onset + rise + fall, first=int(rng.integers(1, 400)),
                )
            )  # fmt: skip
    return plans


def _deal(total: int, rng: Generator) -> list[str]:
    """Return an emotion per clip (total,), in random order, in the proportions of `SHARES` up to rounding."""
    edges = np.round(np.cumsum(list(SHARES.values())) * total).astype(int)
    emotions = np.repeat(list(SHARES), np.diff(edges, prepend=0))
    return [str(emotion) for emotion in rng.permutation(emotions)]


def _names(clips: int, rng: Generator) -> list[str]:
    """Draw names as in CASME II: the video, the clip of that video, and in most an `f`."""
    video, part, names = int(rng.integers(1, 4)), 0, []
    for _ in range(clips):
        if part and rng.random() < 0.6:
            video, part = video + int(rng.integers(1, 3)), 0
        part += 1
        suffix = "f" if rng.random() < 0.6 else ""
        names.append(f"EP{video:02d}_{part:02d}{suffix}")
    return sorted(names)


def _show(emotion: str, wrong: str | None, style: Style, rng: Generator) -> tuple[tuple[Motion, ...], str | int]:
    """Draw the units that move in a clip of this emotion, and the sheet's cell."""
    if rng.random() < AMBIGUOUS:
        emotion = str(rng.choice([other for other in SHARES if other != emotion]))
    shown = _draw(COMBINATIONS[emotion], rng).split("+")
    listed = list(shown)
    if wrong == "still":
        listed.append(_draw_elsewhere(shown, rng))
    elif wrong is not None:
        shown.append(_draw_elsewhere(shown, rng))
    strongest_px = float(np.clip(style.strength * rng.lognormal(np.log(1.2), 0.4), 0.6, 2.4))
    shares = rng.uniform(0.65, 1, len(shown))
    shares /= shares.max()
    moved = tuple(
        Motion(*parsed(code), round(max(0.4, strongest_px * share), 3))
        for code, share in zip(shown, shares.tolist(), strict=True)
    )
    return moved, _cell(listed, rng)


def _draw(weights: dict[str, float], rng: Generator) -> str:
    """Draw a key with a probability in proportion to its weight."""
    share = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=share / share.sum()))


def _draw_elsewhere(shown: list[str], rng: Generator) -> str:
    """Draw a unit from the places in which no unit of `shown` lies."""
    used = {str(parsed(code)[0]) for code in shown}
    free = [place for place in PLACES if used.isdisjoint(place)]
    return _draw({unit: weight for place in free for unit, weight in place.items()}, rng)


def parsed(text: str) -> tuple[int, str | None]:
    """Return the unit and the side of a code in `COMBINATIONS`: ``"R12"`` is (12, "R")."""
    side = text[0] if text[0] in "RL" else None
    return int(re.sub(r"\D", "", text)), side


def _cell(listed: list[str], rng: Generator) -> str | int:
    """Return a sheet's cell: units by number, sometimes with a letter of intensity; a single plain unit is an int."""
    codes = sorted(listed, key=lambda code: parsed(code)[0])
    if rng.random() < LETTERED:
        codes[-1] += str(rng.choice(["A", "B", "C"]))
    text = "+".join(codes)
    return int(text) if text.isdigit() else text
