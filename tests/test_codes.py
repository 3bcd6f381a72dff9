import datetime
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deft.facs import codes
from deft.facs.codes import Code, text
from deft.facs.grammar import parse, read

WRITTEN = {
    "4+L10": [Code(4), Code(10, "L")],
    "R6+R12": [Code(6, "R"), Code(12, "R")],
    "L1+L2": [Code(1, "L"), Code(2, "L")],
    "A14C": [Code(14, asymmetric=True, intensity="C")],
    "A/L12": [Code(12, "L", asymmetric=True)],
    "A12": [Code(12, asymmetric=True)],
    "12A": [Code(12, intensity="A")],
    "4D": [Code(4, intensity="D")],
    "7C": [Code(7, intensity="C")],
    "10A/B": [Code(10, intensity="A/B")],
    "14(B/C)": [Code(14, intensity="B/C")],
    "T23": [Code(23, part="T")],
    "B18": [Code(18, part="B")],
    "B28": [Code(28, part="B")],
    "(R6 or R12) + R15": [
        Code(6, "R", alternative=1, option=1),
        Code(12, "R", alternative=1, option=2),
        Code(15, "R"),
    ],
    "L12 or L14": [Code(12, "L", alternative=1, option=1), Code(14, "L", alternative=1, option=2)],
    "R14A or 17A or 24A": [
        Code(14, "R", intensity="A", alternative=1, option=1),
        Code(17, intensity="A", alternative=1, option=2),
        Code(24, intensity="A", alternative=1, option=3),
    ],
    "((8+25)or(50))": [
        Code(8, alternative=1, option=1),
        Code(25, alternative=1, option=1),
        Code(50, alternative=1, option=2),
    ],
    "ref(24)": [Code(24, referenced=True)],
    "ref(7B)+43": [Code(7, intensity="B", referenced=True), Code(43)],
    "AU4(k)": [Code(4, static=True)],
    "AUR2+12(k)+45": [Code(2, "R"), Code(12, static=True), Code(45)],
    "AD31": [Code(31)],
    "AD38": [Code(38)],
    "M57": [Code(57)],
    "M58": [Code(58)],
    "4+9+R14": [Code(4), Code(9), Code(14, "R")],
    "14+9+4": [Code(14), Code(9), Code(4)],
    "4，7": [Code(4), Code(7)],
    "4,7": [Code(4), Code(7)],
    "12 ": [Code(12)],
    "": [],
}


@pytest.mark.parametrize(("cell", "expected"), WRITTEN.items(), ids=map(repr, WRITTEN))
def test_a_cell_reads_as_its_coder_meant_it(cell: str, expected: list[Code]) -> None:
    assert read(cell) == codes.Cell(expected, [])


@pytest.mark.parametrize(("cell", "expected"), [(12, [Code(12)]), (12.0, [Code(12)]), (None, []), (float("nan"), [])])
def test_a_cell_need_not_be_text(cell: object, expected: list[Code]) -> None:
    assert parse(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected", "left", "reason"),
    [
        ("?", [], "?", "uncertain"),
        ("4 ?", [Code(4)], "?", "uncertain"),
        ("12 soft focus", [Code(12)], "soft focus", "no code"),
        ("loses AU4", [], "loses AU4", "what goes away does not show"),
        ("1214", [], "1214", "no number of FACS"),
        ("3", [], "3", "no number of FACS"),
        ("AU99", [], "AU99", "no number of FACS"),
        ("4+(k)", [Code(4)], "(k)", "nothing before it that would be static"),
        ("4)", [Code(4)], ")", "a bracket that nothing opened"),
        ("(4", [Code(4)], "(", "a bracket that nothing closes"),
        ("4 or", [Code(4)], "or", "nothing to choose from"),
        ("or 4", [Code(4)], "or", "nothing to choose from"),
        ("4 or or 5", [Code(4, alternative=1, option=1), Code(5, alternative=1, option=2)], "or", "nothing to choose"),
    ],
)
def test_what_is_no_code_is_kept_with_its_reason(cell: str, expected: list[Code], left: str, reason: str) -> None:
    found = read(cell)
    assert found.codes == expected
    assert [(each.text, each.reason[: len(reason)]) for each in found.unread] == [(left, reason)]
    assert found.note.startswith(f'"{left}": {reason}')


@pytest.mark.parametrize(
    ("cell", "expected", "left"),
    [
        ("(R6 or R12) or 14", "(R6 or R12 or 14)", ""),
        ("14 or (17 or 24)", "(14 or 17 or 24)", ""),
        ("((4 or 5)+6) or 7", "(6 or 7)", '"(4 or 5)": a choice within a choice'),
        ("(1 or 2)+(4 or 5)", "(1 or 2)+(4 or 5)", ""),
        ("(12)", "12", ""),
    ],
)
def test_a_choice_within_a_choice_is_flat_or_left(cell: str, expected: str, left: str) -> None:
    found = read(cell)
    assert (text(found.codes), found.note) == (expected, left)
    assert parse(text(found.codes)) == found.codes


@pytest.mark.parametrize("cell", [datetime.time(12, 4), datetime.datetime(2012, 4, 7), True, b"12"])
def test_the_digits_of_a_date_are_no_units(cell: object) -> None:
    assert read(cell) == codes.Cell([], [codes.Unread(str(cell), "no code")])


@given(st.text("14 or()+LR"))
def test_what_is_parsed_survives_being_written(cell: str) -> None:
    assert parse(text(parse(cell))) == parse(cell)


def test_a_note_has_every_text_that_is_left() -> None:
    assert read("4 ? out of focus 12x").note == '"?": uncertain; "out of focus 12x": no code'


@given(st.text("123456789ABLRTUorefk()+,/? "))
def test_every_digit_is_a_codes_or_left(cell: str) -> None:
    found = read(cell)
    kept = "".join([str(code.unit) for code in found.codes] + [left.text for left in found.unread])
    assert sorted(re.findall(r"\d", kept)) == sorted(re.findall(r"\d", cell))


@given(st.lists(st.text("ghijnpqsvwxyz", min_size=1), min_size=1))
def test_every_word_is_left(words: list[str]) -> None:
    assert read(" ".join(words)) == codes.Cell([], [codes.Unread(" ".join(words), "no code")])


@pytest.mark.parametrize("gap", [" ", "\n", "\t", ",", "，", ";", "+", " + ", "、", "\xa0", "\u3000"])
def test_twelve_and_fourteen_are_two_units(gap: str) -> None:
    assert parse(f"12{gap}14") == [Code(12), Code(14)]


@pytest.mark.parametrize("gap", ["", ".", "-", "_", "\u200b", "'"])
def test_nothing_becomes_unit_1214(gap: str) -> None:
    assert {code.unit for code in parse(f"12{gap}14")} <= {12, 14}


@given(st.text() | st.text("0123456789ABLRTUorefk()+,/.? "))
def test_parse_never_raises_and_names_only_what_facs_defines(cell: str) -> None:
    assert all(code.unit in codes.INVENTORY for code in parse(cell))


@pytest.mark.parametrize("token", ["1", "(", "ref(", "4 or ", "4+"])
def test_parse_never_raises_however_long_the_cell(token: str) -> None:
    assert {code.unit for code in parse(token * 5000)} <= {4}


@given(st.integers() | st.floats() | st.booleans() | st.dates() | st.binary())
def test_parse_never_raises_on_any_cell(cell: object) -> None:
    parse(cell)


SINGLE = st.builds(
    lambda unit, letter, **rest: Code(
        unit, letter if letter in ("R", "L") else None, part=letter if letter in ("T", "B") else None, **rest
    ),
    st.sampled_from(sorted(codes.INVENTORY)),
    st.sampled_from([None, "R", "L", "T", "B"]),
    asymmetric=st.booleans(),
    intensity=st.sampled_from([None, *"ABCDE", *(f"{a}/{b}" for a, b in pairwise("ABCDE"))]),
    static=st.booleans(),
    referenced=st.booleans(),
)
GROUP = st.lists(st.lists(SINGLE, min_size=1, max_size=3), min_size=2, max_size=3)


@st.composite
def cells(draw: st.DrawFn) -> list[Code]:
    """Codes with alternatives, numbered in their order."""
    found: list[Code] = []
    groups = 0
    for part in draw(st.lists(SINGLE | GROUP, max_size=5)):
        if isinstance(part, Code):
            found.append(part)
        else:
            groups += 1
            found += [code._replace(alternative=groups, option=n) for n, o in enumerate(part, 1) for code in o]
    return found


@given(cells())
def test_codes_survive_being_written(cell: list[Code]) -> None:
    assert parse(text(cell)) == cell


@given(st.sampled_from(sorted(WRITTEN)) | st.text("0123456789ABLRTUorefk()+,/.? "))
def test_text_is_canonical(cell: str) -> None:
    once = text(parse(cell))
    assert text(parse(once)) == once
