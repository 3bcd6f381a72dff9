import llguidance
import llguidance.hf
import numpy as np
import pytest
import torch
from conftest import CLASSES, triples
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from deft.facs.units import UNITS
from deft.language import grammar, textbook, triple
from deft.language.triple import Triple

SMILE = triple.write("happiness", [("R12", [triple.Sight("right mouth corner", "up and out", "strong", "late")])]).text


def accepts(words: PreTrainedTokenizerFast, text: str, emotions: list[str]) -> bool:
    """Whether all of the text can be decoded under the grammar, and may end there."""
    form = llguidance.LLMatcher.grammar_from_lark(grammar.lark(emotions, UNITS))
    matcher = llguidance.LLMatcher(llguidance.hf.from_tokenizer(words), form)
    tokens = words.encode(text)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


@pytest.mark.parametrize("units", [[], [12], UNITS], ids=["none", "one", "all"])
def test_the_grammar_compiles_without_complaint(units: list[int]) -> None:
    form = llguidance.LLMatcher.grammar_from_lark(grammar.lark(CLASSES, units))
    assert llguidance.LLMatcher.validate_grammar_with_warnings(form) == (False, [])


def test_every_answer_of_the_textbook_is_allowed(words_of_pages: PreTrainedTokenizerFast) -> None:
    for page in textbook.pages(150, 5):
        if page.text.startswith(triple.TASK):
            answer = page.text.removeprefix(f"{triple.TASK}\n")
            told = triple.parse(answer)
            assert told is not None
            assert accepts(words_of_pages, answer, [told.emotion, "elation"]), answer


@given(triples())
def test_every_triple_is_allowed(words_of_pages: PreTrainedTokenizerFast, told: Triple) -> None:
    assert accepts(words_of_pages, told.text, [told.emotion, "elation"])


@given(triples())
def test_a_class_that_is_not_asked_for_is_not_allowed(words_of_pages: PreTrainedTokenizerFast, told: Triple) -> None:
    assert not accepts(words_of_pages, told.text, ["elation"])


@given(st.text(max_size=40) | st.text("Evidence:Rationale:Category;. \n12R", max_size=40))
def test_garbage_is_not_allowed(words_of_pages: PreTrainedTokenizerFast, text: str) -> None:
    assert not accepts(words_of_pages, text, ["happiness"])


@pytest.mark.parametrize(
    "text",
    [
        SMILE[:-3],
        f"{SMILE} and more",
        SMILE.replace("Category: happiness", "Category: disgust"),
        SMILE.replace("right mouth corner up", "chin up, slight, late; right mouth corner up", 1),
        SMILE.replace("strong", "huge"),
        SMILE.replace("R12", "R99"),
    ],
    ids=["unfinished", "goes on", "two classes", "out of order", "unknown level", "unknown unit"],
)
def test_what_departs_from_the_form_is_not_allowed(words_of_pages: PreTrainedTokenizerFast, text: str) -> None:
    assert accepts(words_of_pages, SMILE, ["happiness", "disgust"])
    assert not accepts(words_of_pages, text, ["happiness", "disgust"])


def test_random_decoding_under_the_grammar_gives_triples(words_of_pages: PreTrainedTokenizerFast) -> None:
    """Scores that know nothing: what comes out must parse all the same."""
    words, count = words_of_pages, 4
    torch.manual_seed(0)
    obey = grammar.Obey(words, ["happiness", "others"], [{12}, {4, 7}, {}, UNITS])
    ids = torch.zeros((count, 0), dtype=torch.long)
    done = np.zeros(count, bool)
    for _ in range(600):
        scores = obey(ids, torch.randn(count, len(words)))  # type: ignore[arg-type]
        chosen = torch.where(torch.from_numpy(done), words.pad_token_id, scores.argmax(-1))
        ids = torch.cat([ids, chosen[:, None]], 1)
        done |= (chosen == words.eos_token_id).numpy()
    told = [triple.parse(text) for text in words.batch_decode(ids, skip_special_tokens=True)]
    assert done.any()
    assert all(one is not None for one, end in zip(told, done, strict=True) if end)
    named = [{int(code.strip("RL")) for code in one.aus} if one else set() for one in told]
    assert named[0] <= {12}
    assert named[1] <= {4, 7}
    assert not named[2]
