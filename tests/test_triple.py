import pytest
from conftest import triples
from hypothesis import given
from hypothesis import strategies as st

from deft.facs.codes import Code
from deft.facs.regions import REGIONS
from deft.language import triple
from deft.language.triple import Sight, Triple

CORNER = Sight("right mouth corner", "up and out", "strong", "late")
CHEEK = Sight("right cheek", "up", "slight", "late")
SMILE = """\
Evidence: right cheek up, slight, late; right mouth corner up and out, strong, late.
Rationale: right cheek up and right mouth corner up and out: R12 lip corner puller; R12 speaks for happiness.
Category: happiness; R12"""


def test_a_triple_reads_as_the_documentation_says() -> None:
    assert triple.write("happiness", [(Code(12, "R"), [CORNER, CHEEK])]).text == SMILE


def test_an_answer_is_parsed_into_its_parts() -> None:
    found = triple.parse(SMILE)
    assert found is not None
    assert (found.emotion, found.aus, found.evidence) == ("happiness", (Code(12, "R"),), (CHEEK, CORNER))
    assert found.rationale.startswith("right cheek up and right mouth corner up and out: R12")


@given(triples())
def test_what_is_written_is_parsed(told: Triple) -> None:
    assert triple.parse(told.text) == told


@given(triples())
def test_text_survives_parsing(told: Triple) -> None:
    found = triple.parse(f"  {told.text}\n")
    assert found is not None
    assert found.text == told.text


@given(triples())
def test_evidence_goes_from_brow_to_chin(told: Triple) -> None:
    order = [REGIONS.index(sight.region) for sight in told.evidence]
    assert order == sorted(order)


@given(triples())
def test_a_rationale_names_its_units_and_ends_with_its_class(told: Triple) -> None:
    assert told.rationale.endswith(f"; {'+'.join(told.code_texts) or 'this'} speaks for {told.emotion}")


def argued(text: str) -> str:
    """An answer up to the end of its argument."""
    return text[: text.rindex("; ", 0, text.rindex(" speaks for "))]


@given(triples())
def test_an_argument_is_concluded_in_its_units_and_in_any_class(told: Triple) -> None:
    assert triple.concluded(argued(told.text), told.emotion) == told.text
    other = triple.parse(triple.concluded(argued(told.text), "elation"))
    assert other == triple.parse(told.text.replace(f" {told.emotion}", " elation"))


def test_an_answer_without_a_rationale_cannot_be_concluded() -> None:
    with pytest.raises(ValueError, match="substring not found"):
        triple.concluded("Evidence: right cheek up, slight, late.", "happiness")


@given(triples())
def test_evidence_is_read_from_an_answer_still_being_written(told: Triple) -> None:
    assert triple.parse_evidence(told.text) == told.evidence
    assert triple.parse_evidence(told.text[: told.text.index("Rationale:")]) == told.evidence


@pytest.mark.parametrize("text", ["", "Evidence: right cheek up", "Evidence: right cheek sideways, slight, late."])
def test_what_is_no_evidence_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no evidence"):
        triple.parse_evidence(text)


def test_a_direction_is_not_mistaken_for_the_next_region() -> None:
    brows = [Sight(f"right {part} brow", "up", "slight", "early") for part in ("inner", "outer")]
    assert triple.moves(brows) == ["right inner brow up", "right outer brow up"]


@given(st.text() | st.text("Evidence:Rationale:Category;. \n12R"))
def test_parsing_never_raises(text: str) -> None:
    assert triple.parse(text) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("right cheek up", "right cheek sideways"),
        ("right cheek up", "middle cheek up"),
        ("slight", "huge"),
        (", late;", ";"),
        ("Evidence: ", ""),
        ("Category: happiness; R12", "Category: happiness"),
        ("Category: happiness; R12", "Category: happiness; smile"),
        ("Category: happiness; R12", "Category: happiness; 99"),
        ("Category: happiness; R12", "Category: happiness; R12 and more"),
    ],
)
def test_an_answer_out_of_form_is_no_triple(old: str, new: str) -> None:
    assert triple.parse(SMILE.replace(old, new)) is None


def test_nothing_to_see_is_said() -> None:
    told = triple.write("others", [])
    assert triple.NOTHING in told.text
    assert told.category == f"others; {triple.NO_UNIT}"
    assert triple.parse(told.text) == told


def test_motion_without_units_is_said_not_to_be_explained() -> None:
    told = triple.write("others", [], [CHEEK])
    assert told.rationale == "no unit explains the motion; this speaks for others"


def test_both_sides_that_do_the_same_are_told_together() -> None:
    left = CHEEK._replace(region="left cheek", level="strong")
    assert triple.write("happiness", [(Code(6), [CHEEK, left])]).rationale.startswith("both cheeks up: 6 cheek raiser")


def test_a_unit_without_sights_is_named_all_the_same() -> None:
    told = triple.write("happiness", [(Code(12, "R"), [CORNER]), (Code(6), [])])
    assert "; also 6 cheek raiser; R12+6 speaks" in told.rationale


def test_every_region_has_its_phrase() -> None:
    phrases = triple.phrases([CHEEK])
    assert len(phrases) == len(REGIONS)
    assert phrases[REGIONS.index("right cheek")] == "right cheek up, slight, late"
    assert phrases[REGIONS.index("chin")] == "chin still"


@pytest.mark.parametrize(("code", "text"), [(Code(12, "R", intensity="A"), "R12"), (Code(4), "4")])
def test_answers_name_side_and_unit_alone(code: Code, text: str) -> None:
    assert triple.code_text(code) == text
