import pytest
from hypothesis import given
from hypothesis import strategies as st

from deft.facs import emotions
from deft.facs.units import UNITS

COARSE = {
    "negative": "disgust, repression, anger, contempt, fear, sadness",
    "positive": "happiness",
    "surprise": "surprise",
    "others": "others, other, tense",
}
OBJECTIVE = {
    "I": "6, 12, 6+12, 6+7+12, 7+12",
    "II": "1+2, 5, 25, 1+2+25, 25+26, 5+24",
    "III": "23, 4, 4+7, 4+5, 4+5+7, 17+24, 4+6+7, 4+38",
    "IV": "10, 9, 4+9, 4+40, 4+5+40, 4+7+9, 4+9+17, 4+7+10, 4+5+7+9, 7+10",
    "V": "1, 15, 1+4, 6+15, 15+17",
    "VI": "1+2+4, 20",
    "VII": "14, 17, 4+14, 1+12",
}


def rows(table: dict[str, str], by: str) -> list[tuple[str, str]]:
    return [(word, group) for group, words in table.items() for word in words.split(by)]


@pytest.mark.parametrize(("emotion", "expected"), rows(COARSE, ", "))
def test_coarse_classes_are_megcs(emotion: str, expected: str) -> None:
    assert emotions.coarse(emotion) == expected
    assert emotions.coarse(f" {emotion.title()} ") == expected


@pytest.mark.parametrize(("combination", "expected"), rows(OBJECTIVE, ", "))
def test_objective_classes_follow_from_units_alone(combination: str, expected: str) -> None:
    units = [int(unit) for unit in combination.split("+")]
    number = emotions.objective(reversed(units))
    assert emotions.LABELS["objective"][number - 1] == expected


@given(st.sets(st.integers(1, 98)))
def test_any_units_have_an_objective_class(units: set[int]) -> None:
    assert 1 <= emotions.objective(units) <= 7


@pytest.mark.parametrize(
    ("labels", "emotion", "number", "expected"),
    [
        ("native", "repression", 5, "repression"),
        ("native", "tense", None, "tense"),
        ("3", "repression", 5, "negative"),
        ("3", "happy", 1, "positive"),
        ("3", "surprise", 2, "surprise"),
        ("3", "others", 7, None),
        ("5", "others", 7, "others"),
        ("5", "other", 7, "others"),
        ("5", "fear", 7, None),
        ("7", "sad", 5, "sadness"),
        ("7", "happy", 1, "happiness"),
        ("7", "repression", 5, None),
        ("objective", "happiness", 1, "I"),
        ("objective", "others", 7, "VII"),
        ("objective", "happiness", None, None),
    ],
)
def test_a_label_is_the_class_under_the_task(
    labels: str, emotion: str, number: int | None, expected: str | None
) -> None:
    assert emotions.label(labels, emotion, number, emotions.classes(emotion)) == expected


@pytest.mark.parametrize(("labels", "count"), [("3", 3), ("5", 5), ("7", 7), ("objective", 7)])
def test_each_task_has_its_number_of_classes(labels: str, count: int) -> None:
    assert len(set(emotions.LABELS[labels])) == count


def test_prototypes_speak_of_known_units() -> None:
    assert {unit for sets in emotions.PROTOTYPES.values() for units in sets for unit in units} <= set(UNITS)
