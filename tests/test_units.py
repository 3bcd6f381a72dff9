import pytest

from deft.facs import units
from deft.facs.units import Sign

TABLE = {
    1: "inner brow raiser", 2: "outer brow raiser", 4: "brow lowerer", 5: "upper lid raiser", 6: "cheek raiser",
    7: "lid tightener", 9: "nose wrinkler", 10: "upper lip raiser", 12: "lip corner puller", 14: "dimpler",
    15: "lip corner depressor", 16: "lower lip depressor", 17: "chin raiser", 18: "lip pucker", 20: "lip stretcher",
    22: "lip funneler", 23: "lip tightener", 24: "lip presser", 25: "lips part", 26: "jaw drop", 27: "mouth stretch",
    28: "lip suck", 38: "nostril dilator", 39: "nostril compressor", 43: "eyes closed", 45: "blink",
}  # fmt: skip

# A sign that each unit must have: place, and the signs of out, up and opening.
SIGNS = {
    1: ("inner brow", 0, 1, 0), 2: ("outer brow", 0, 1, 0), 4: ("inner brow", -1, -1, 0), 5: ("eye", 0, 0, 1),
    6: ("cheek", 0, 1, 0), 7: ("eye", 0, 1, -1), 9: ("nose root", 0, 1, 0), 10: ("upper lip", 0, 1, 0),
    12: ("mouth corner", 1, 1, 0), 14: ("mouth corner", -1, 0, 0), 15: ("mouth corner", 0, -1, 0),
    16: ("lower lip", 0, -1, 0), 17: ("chin", 0, 1, 0), 18: ("mouth corner", -1, 0, 0), 20: ("mouth corner", 1, 0, 0),
    22: ("lips", 0, 0, 1), 23: ("lips", 0, 0, -1), 24: ("lips", 0, 0, -1), 25: ("lips", 0, 0, 1),
    26: ("chin", 0, -1, 0), 27: ("chin", 0, -1, 0), 28: ("lips", 0, 0, -1), 38: ("nasal wing", 1, 0, 0),
    39: ("nasal wing", -1, 0, 0), 43: ("eye", 0, -1, -1), 45: ("eye", 0, -1, -1),
}  # fmt: skip


def direction(sign: Sign) -> tuple[str, int, int, int]:
    out, up, opening = ((value > 0) - (value < 0) for value in (sign.out, sign.up, sign.opening))
    return sign.place, out, up, opening


@pytest.mark.parametrize(("number", "name"), TABLE.items())
def test_a_unit_of_the_table_is_named_and_observable(number: int, name: str) -> None:
    assert units.UNITS[number].name == name
    assert units.observable(number)


@pytest.mark.parametrize(("number", "expected"), SIGNS.items())
def test_a_unit_shows_what_facs_says(number: int, expected: tuple[str, int, int, int]) -> None:
    assert expected in [direction(sign) for sign in units.UNITS[number].signs]


def test_only_units_of_the_table_are_observable() -> None:
    assert {number for number in units.UNITS if units.observable(number)} == set(TABLE)


@pytest.mark.parametrize("number", [*(n for n, unit in units.UNITS.items() if not unit.signs), 31, 50, 57, 99])
def test_a_unit_without_signs_is_unobservable(number: int) -> None:
    assert not units.observable(number)


def test_every_sign_has_one_kind_of_motion_and_a_positive_weight() -> None:
    for sign in (sign for unit in units.UNITS.values() for sign in unit.signs):
        if sign.opening:
            assert (abs(sign.opening), sign.out) == (1, 0)
        else:
            assert (sign.out**2 + sign.up**2) ** 0.5 == pytest.approx(1, abs=1e-3)
        assert 0 < sign.weight <= 1
