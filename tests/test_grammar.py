import llguidance
import llguidance.hf
import pytest
import torch
from conftest import triples
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from deft.facs.codes import Code
from deft.facs.regions import REGIONS
from deft.facs.units import UNITS
from deft.language import argument, grammar, textbook, triple
from deft.language.triple import Sight, Triple

CORNER = Sight("right mouth corner", "up and out", "strong", "late")
CHEEKS = [Sight(f"{side} cheek", "up", "slight", "late") for side in ("right", "left")]
SMILE = triple.write("happiness", [(Code(12, "R"), [CHEEKS[0], CORNER])]).text
TOLD = SMILE[: SMILE.index("Rationale:") + len("Rationale:")]


def accepts(words: PreTrainedTokenizerFast, lark: str, text: str) -> bool:
    """Whether all of the text can be decoded under the grammar, and may end there."""
    form = llguidance.LLMatcher.grammar_from_lark(lark)
    matcher = llguidance.LLMatcher(llguidance.hf.from_tokenizer(words), form)
    tokens = words.encode(text)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


def halves(told: Triple) -> tuple[str, str]:
    """An answer up to the end of its evidence, and up to the end of its argument."""
    text = told.text
    return text[: text.index("Rationale:") + 10], text[: text.rindex("; ", 0, text.rindex(" speaks for "))]


def numbers(told: Triple) -> set[int]:
    return {code.unit for code in told.aus}


@pytest.mark.parametrize("units", [[], [12], UNITS], ids=["none", "one", "all"])
@pytest.mark.parametrize("most", [1, 6, 17])
def test_the_grammars_compile_without_complaint(units: list[int], most: int) -> None:
    for lark in (grammar.evidence(most), grammar.rationale(TOLD, units)):
        form = llguidance.LLMatcher.grammar_from_lark(lark)
        assert llguidance.LLMatcher.validate_grammar_with_warnings(form) == (False, [])


@given(triples())
def test_all_evidence_is_allowed(words_of_pages: PreTrainedTokenizerFast, told: Triple) -> None:
    assert accepts(words_of_pages, grammar.evidence(8), halves(told)[0])


def test_no_more_regions_than_asked_for_are_allowed(words_of_pages: PreTrainedTokenizerFast) -> None:
    seen = [Sight(region, "up", "slight", "late") for region in REGIONS]
    three = halves(triple.write("others", [], seen[4:7]))[0]
    assert accepts(words_of_pages, grammar.evidence(3), three)
    assert not accepts(words_of_pages, grammar.evidence(2), three)


def test_an_answer_of_the_textbook_is_allowed_if_its_evidence_speaks_for_its_units(
    words_of_pages: PreTrainedTokenizerFast,
) -> None:
    allowed = 0
    for page in textbook.pages(150, 5):
        if page.emotion is None:
            continue
        told = triple.parse(page.text.removeprefix(f"{triple.TASK}\n"))
        assert told is not None
        first, second = halves(told)
        speaks = set(told.aus) <= set(argument.arguable(told.evidence, numbers(told)))
        assert accepts(words_of_pages, grammar.evidence(17), first)
        assert accepts(words_of_pages, grammar.rationale(first, numbers(told)), second) == speaks, page.text
        allowed += speaks
    assert allowed > 100


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("both cheeks up and right mouth", "right mouth"),  # fewer than may be
        ("both cheeks up", "left cheek up"),  # one of two
        ("both cheeks up and right mouth corner up and out: 12", "also 12"),
    ],
)
def test_an_argument_may_leave_out_what_is_told(words_of_pages: PreTrainedTokenizerFast, old: str, new: str) -> None:
    first, second = halves(triple.write("happiness", [(Code(12), [*CHEEKS, CORNER])]))
    lark = grammar.rationale(first, [12])
    assert old in second
    assert accepts(words_of_pages, lark, second)
    assert accepts(words_of_pages, lark, second.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("right cheek up and", "left cheek up and"),
        ("right cheek up and", "right cheek down and"),
        ("right cheek up and", "chin up and"),
        ("R12 lip corner puller", "L12 lip corner puller"),
        ("R12 lip corner puller", "R15 lip corner depressor"),
        ("R12 lip corner puller", "R12 lip corner puller; R12 lip corner puller"),
        ("R12 lip corner puller", "R99 lip corner puller"),
        ("right cheek up and right mouth corner up and out:", "right mouth corner up and out and right cheek up:"),
        ("right cheek up and right mouth corner up and out: R12 lip corner puller", "nothing moves"),
    ],
    ids=["side", "direction", "region", "unit's side", "unit", "twice", "unknown", "order", "denial"],
)
def test_an_argument_that_its_evidence_does_not_hold_is_not_allowed(
    words_of_pages: PreTrainedTokenizerFast, old: str, new: str
) -> None:
    first, second = halves(triple.write("happiness", [(Code(12, "R"), [CHEEKS[0], CORNER])]))
    lark = grammar.rationale(first, UNITS)
    assert old in second
    assert accepts(words_of_pages, lark, second)
    assert not accepts(words_of_pages, lark, second.replace(old, new))


def test_a_unit_that_is_not_called_is_not_allowed(words_of_pages: PreTrainedTokenizerFast) -> None:
    first, second = halves(triple.write("happiness", [(Code(12, "R"), [CHEEKS[0], CORNER])]))
    assert not accepts(words_of_pages, grammar.rationale(first, [6]), second)
    assert accepts(words_of_pages, grammar.rationale(first, []), f"{first} {triple.UNEXPLAINED}")


@pytest.mark.parametrize(
    ("sight", "units"),
    [
        (Sight("right eye", "closing", "clear", "late"), {"7", "R7", "43", "R43"}),
        (Sight("right eye", "up", "clear", "late"), set()),
        (Sight("chin", "up", "clear", "late"), {"17", "L17", "R17"}),
        (Sight("left inner brow", "down and in", "clear", "late"), {"4", "L4"}),
    ],
)
def test_told_evidence_speaks_for_units_that_move_its_place_its_way(sight: Sight, units: set[str]) -> None:
    codes = argument.arguable([sight], UNITS.keys() - {45})
    assert {triple.code_text(code) for code in codes} == units


@given(st.text(max_size=40) | st.text("Evidence:Rationale:Category;. \n12R", max_size=40))
def test_garbage_is_not_allowed(words_of_pages: PreTrainedTokenizerFast, text: str) -> None:
    assert not accepts(words_of_pages, grammar.evidence(6), text)


def test_random_decoding_under_the_grammar_gives_triples(words_of_pages: PreTrainedTokenizerFast) -> None:
    """Scores that know nothing: what comes out must parse all the same, and argue from its evidence alone."""
    words, allowed = words_of_pages, [{12}, {4, 7}, set[int](), set(UNITS), {1, 2, 4, 12}, {25, 26}]
    torch.manual_seed(0)
    constraint, going = grammar.Constraint(words, allowed, 6), list(range(len(allowed)))
    while going:
        best = constraint.mask(going, torch.randn(len(going), len(words))).argmax(-1).tolist()
        said = {answer: token for answer, token in zip(going, best, strict=True) if token != words.eos_token_id}
        going = list(said)
        if going:
            constraint.append(going, list(said.values()))
        assert max(map(len, constraint.tokens)) < 1000
    for text, units in zip(words.batch_decode(constraint.tokens, skip_special_tokens=True), allowed, strict=True):
        told = triple.parse(triple.concluded(text, "happiness"))
        assert told is not None
        assert len(told.evidence) <= 6
        assert numbers(told) <= units
        assert set(told.aus) <= set(argument.arguable(told.evidence, units))
