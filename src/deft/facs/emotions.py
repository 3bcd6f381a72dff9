"""Emotion words of the datasets, their coarse classes (MEGC 2019) and the objective classes (Davison et al. 2018)."""

from collections.abc import Iterable, Mapping

COARSE = {
    "disgust": "negative",
    "repression": "negative",
    "anger": "negative",
    "contempt": "negative",
    "fear": "negative",
    "sadness": "negative",
    "sad": "negative",
    "negative": "negative",
    "happiness": "positive",
    "happy": "positive",
    "positive": "positive",
    "surprise": "surprise",
}

LABELS: dict[str, tuple[str, ...]] = {
    "3": ("negative", "positive", "surprise"),
    "5": ("happiness", "disgust", "repression", "surprise", "others"),
    "7": ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"),
    "objective": ("I", "II", "III", "IV", "V", "VI", "VII"),
}

_OBJECTIVE = {
    1: "6, 12, 6+12, 6+7+12, 7+12",
    2: "1+2, 5, 25, 1+2+25, 25+26, 5+24",
    3: "23, 4, 4+7, 4+5, 4+5+7, 17+24, 4+6+7, 4+38",
    4: "10, 9, 4+9, 4+40, 4+5+40, 4+7+9, 4+9+17, 4+7+10, 4+5+7+9, 7+10",
    5: "1, 15, 1+4, 6+15, 15+17",
    6: "1+2+4, 20",
}
COMBINATIONS: dict[frozenset[int], int] = {
    frozenset(int(unit) for unit in combination.split("+")): number
    for number, row in _OBJECTIVE.items()
    for combination in row.split(", ")
}

# Units that speak for a class: the labelling criteria of CASME II (Yan et al. 2014, table 2) and, for classes that it
# lacks, the prototypes of EMFACS (Friesen and Ekman 1983).
PROTOTYPES: dict[str, tuple[frozenset[int], ...]] = {
    "happiness": (frozenset({12}), frozenset({6, 12}), frozenset({6})),
    "disgust": (frozenset({9}), frozenset({10}), frozenset({4, 7}), frozenset({4, 9}), frozenset({4, 10})),
    "repression": (frozenset({15}), frozenset({17}), frozenset({15, 17}), frozenset({14, 17}), frozenset({24})),
    "surprise": (frozenset({1, 2}), frozenset({2}), frozenset({5}), frozenset({25}), frozenset({1, 2, 25})),
    "others": (frozenset({4}), frozenset({14}), frozenset({38}), frozenset({4, 14})),
    "sadness": (frozenset({1}), frozenset({1, 4}), frozenset({1, 15})),
    "fear": (frozenset({1, 2, 4}), frozenset({20}), frozenset({1, 2, 4, 5})),
    "anger": (frozenset({23}), frozenset({4, 5, 7}), frozenset({4, 23})),
    "contempt": (frozenset({14}),),
}


_SYNONYMS = {"happy": "happiness", "sad": "sadness", "other": "others"}


def coarse(emotion: str) -> str:
    """Return negative, positive, surprise or others for a dataset's own word, in upper or lower case."""
    return COARSE.get(emotion.strip().lower(), "others")


def classes(emotion: str | None) -> dict[str, str | None]:
    """Return an emotion's class among the 3, the 5 and the 7; None where it has no class or no emotion is given.

    The 5 classes are CASME II's. Readers of datasets with another convention define their own.
    """
    word = _SYNONYMS.get(emotion or "", emotion)
    given = {"3": coarse(emotion or ""), "5": word, "7": word}
    return {labels: name if name in LABELS[labels] else None for labels, name in given.items()}


def objective(units: Iterable[int]) -> int:
    """Return the objective class, 1-7, from AUs alone; 7 holds all combinations of no other class."""
    return COMBINATIONS.get(frozenset(units), 7)


def spoken_for(units: Iterable[int]) -> set[str]:
    """Return the classes that these units speak for, as any set of labels names them.

    These are each emotion with one of its `PROTOTYPES` among the units, its coarse class, and the objective class.
    """
    shown = frozenset(units)
    emotions = {
        emotion for emotion, prototypes in PROTOTYPES.items() if any(prototype <= shown for prototype in prototypes)
    }
    synonyms = {word for word, emotion in _SYNONYMS.items() if emotion in emotions}
    coarse_classes = {coarse(emotion) for emotion in emotions}
    return emotions | synonyms | coarse_classes | {LABELS["objective"][objective(shown) - 1]}


def label(labels: str, emotion: str | None, number: int | None, classes: Mapping[str, str | None]) -> str | None:
    """Return a clip's class under ``task.labels`` (native | 3 | 5 | 7 | objective); None if it has no class there."""
    if labels == "native":
        return emotion
    if labels == "objective":
        if number is None:
            return None
        return LABELS["objective"][number - 1]
    return classes[labels]
