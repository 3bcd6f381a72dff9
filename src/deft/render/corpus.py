"""The plan of the rendered corpus: who shows what, how strongly, and what the sheet says about it.

Emotions, their shares and the unit combinations follow CASME II (Yan et al. 2014, PLoS ONE 9(1): e86041, table 2).
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

FPS = 200
SHARES = {"others": 0.26, "disgust": 0.22, "happiness": 0.18, "surprise": 0.18, "repression": 0.16}

# Combinations per emotion and their weights.
COMBINATIONS: dict[str, dict[str, int]] = {
    "happiness": {"12": 8, "6+12": 7, "R12": 2, "L12": 2, "6+7+12": 1, "12+25": 1, "R6+R12": 1},
    "disgust": {
        "4+7": 7, "9": 3, "4+9": 4, "10": 3, "4+7+9": 4, "4+10": 2, "4+L10": 1, "7+10": 1, "9+17": 1, "10+16": 1, "L9": 1
    },
    "surprise": {"1+2": 8, "2": 3, "5": 1, "1+2+5": 3, "25": 1, "1+2+25": 2, "L1+L2": 1, "R2": 1, "1+2+26": 1, "25+27": 1},
    "repression": {
        "15": 4, "17": 6, "14+17": 3, "15+17": 4, "24": 2, "17+24": 1, "12+15": 2, "L15": 1, "17+23": 1, "18": 1, "28": 1, "20": 1
    },
    "others": {
        "4": 12, "14": 4, "L14": 3, "R14": 3, "4+14": 2, "4+L14": 1, "38": 1, "L4": 1, "4+7": 3, "17": 1, "39": 1, "22": 1, "4+43": 1
    },
}  # fmt: skip

# Units that use the same skin. A unit added by mistake comes from a place the clip leaves alone, so that it can be told.
PLACES: tuple[tuple[tuple[str, float], ...], ...] = (
    (("1", 1), ("2", 1), ("4", 3)),
    (("5", 0.3), ("6", 1), ("7", 3), ("45", 0.2)),
    (("9", 1), ("38", 0.2), ("39", 0.2)),
    (("10", 1), ("12", 2), ("14", 3), ("15", 2), ("17", 3), ("24", 0.5), ("25", 0.5), ("20", 0.2), ("23", 0.2)),
)


class Motion(NamedTuple):
    """One Action Unit at work: the side is the subject's ("R", "L") or None for both, the amplitude frame px at the apex."""

    unit: int
    side: str | None
    amplitude_px: float


class Style(NamedTuple):
    """How a subject moves: a factor on every amplitude, and the share by which the left side is weaker."""

    strength: float
    lopsided: float


class ClipPlan(NamedTuple):
    """One clip of the corpus. Onset, apex and offset are positions in the clip's frames; `first` is frame 0's number.

    moved: what the picture shows; lopsided: by which share the left side of a two-sided unit is weaker. listed: the sheet's cell, an int where CASME II has one. wrong: "still" where the sheet
    lists a unit that does not move, "unlisted" where a unit moves that the sheet does not list, else None.
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
    """Plan `clips` clips for each of `subjects` subjects; the share `wrong` of all rows gets a sheet that errs.

    Erring rows alternate between "still" and "unlisted". Sorted by subject and name.
    """
    if not 0 <= wrong <= 1:
        raise ValueError(f"wrong: expected a share in [0, 1], got {wrong}")
    rng = np.random.default_rng(seed)
    total = subjects * clips
    emotions = _deal(total, rng)
    errors: list[str | None] = [
        ("still", "unlisted")[i % 2] if i < round(wrong * total) else None for i in range(total)
    ]
    rng.shuffle(errors)  # type: ignore[arg-type]
    plans = []
    for subject in range(1, subjects + 1):
        names = _names(clips, rng)
        style = Style(float(rng.uniform(0.8, 1.25)), float(np.clip(rng.normal(0, 0.08), -0.2, 0.2)))
        for number, name in enumerate(names):
            row = (subject - 1) * clips + number
            plans.append(_clip(seed, subject, number, name, emotions[row], errors[row], style, rng))
    return plans


def _deal(total: int, rng: Generator) -> list[str]:
    """Emotions in CASME II's shares, exactly as far as whole clips allow, shuffled."""
    edges = np.round(np.cumsum(list(SHARES.values())) / sum(SHARES.values()) * total).astype(int)
    counts = np.diff(edges, prepend=0)
    emotions = np.repeat(list(SHARES), counts)
    rng.shuffle(emotions)
    return [str(emotion) for emotion in emotions]


def _names(clips: int, rng: Generator) -> list[str]:
    """Distinct names as CASME II writes them: film, clip of that film, and `f` where the face alone was judged."""
    names: list[str] = []
    film, part = int(rng.integers(1, 4)), 0
    for _ in range(clips):
        if part and rng.random() < 0.6:
            film, part = film + int(rng.integers(1, 3)), 0
        part += 1
        names.append(f"EP{film:02d}_{part:02d}{'f' if rng.random() < 0.6 else ''}")
    return sorted(names)


def _clip(
    seed: int, subject: int, number: int, name: str, emotion: str, wrong: str | None, style: Style, rng: Generator
) -> ClipPlan:
    # Coders disagree: some clips show a combination that another emotion shows more often.
    source = str(rng.choice([e for e in SHARES if e != emotion])) if rng.random() < 0.09 else emotion
    shown = _draw(COMBINATIONS[source], rng).split("+")
    listed = list(shown)
    if wrong is not None:
        extra = _spare(shown, rng)
        (listed if wrong == "still" else shown).append(extra)
    # One motion leads a clip; the others follow it, as they do in life.
    main = float(np.clip(style.strength * rng.lognormal(np.log(1.2), 0.4), 0.6, 2.4))
    moved = tuple(
        Motion(unit, side, round(float(np.clip(main * rng.uniform(0.65, 1.05), 0.45, 2.4)), 3))
        for unit, side in map(_code, shown)
    )
    rise, fall = int(rng.integers(12, 26)), int(rng.integers(14, 34))
    lead = int(rng.integers(0, 5)) if rng.random() < 0.6 else 0
    tail = max(int(rng.integers(0, 8)), 40 - lead - rise - fall - 1)
    first = int(rng.integers(1, 400))
    return ClipPlan(
        seed, subject, number, name, emotion, moved, style.lopsided, _cell(listed, rng), wrong,
        lead + rise + fall + 1 + tail, lead, lead + rise, lead + rise + fall, first,
    )  # fmt: skip


def _draw(weights: dict[str, int], rng: Generator) -> str:
    share = np.array(list(weights.values()), float)
    return str(rng.choice(list(weights), p=share / share.sum()))


def _spare(shown: list[str], rng: Generator) -> str:
    """A unit from a place that none of `shown` uses."""
    used = {str(_code(code)[0]) for code in shown} | ({"45"} if "43" in shown else set())
    free = [pair for place in PLACES if used.isdisjoint(unit for unit, _ in place) for pair in place]
    share = np.array([weight for _, weight in free])
    return str(rng.choice([unit for unit, _ in free], p=share / share.sum()))


def _code(text: str) -> tuple[int, str | None]:
    side = text[0] if text[0] in "RL" else None
    return int(re.sub(r"\D", "", text)), side


def _cell(listed: list[str], rng: Generator) -> str | int:
    """The sheet's cell: units by number, now and then with an intensity letter; a single plain unit is an int."""
    codes = sorted(listed, key=lambda code: _code(code)[0])
    if rng.random() < 0.05:
        last = int(rng.integers(len(codes)))
        codes[last] += str(rng.choice(list("ABC")))
    text = "+".join(codes)
    return int(text) if text.isdigit() else text
