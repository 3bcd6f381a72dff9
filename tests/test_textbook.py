import pytest
from conftest import ROOT
from transformers import PreTrainedTokenizerFast

from deft.core import params
from deft.facs import words
from deft.facs.regions import REGIONS
from deft.facs.units import UNITS
from deft.language import textbook, tokenizer, triple

PAGES = textbook.pages(400, 3)
ANSWERS = [page for page in PAGES if page.text.startswith(triple.TASK)]


def test_same_seed_same_pages() -> None:
    assert textbook.pages(50, 3) == PAGES[:50]
    assert textbook.pages(50, 4) != PAGES[:50]


def test_most_pages_are_answers_and_some_are_statements() -> None:
    assert 0.85 < len(ANSWERS) / len(PAGES) < 1


def test_every_answer_parses() -> None:
    for page in ANSWERS:
        told = triple.parse(page.text.removeprefix(f"{triple.TASK}\n"))
        assert told is not None
        assert f"{triple.TASK}\n{told.text}" == page.text


def test_an_answer_knows_its_class_and_its_units() -> None:
    for page in ANSWERS:
        told = triple.parse(page.text.removeprefix(f"{triple.TASK}\n"))
        assert told is not None
        assert page.emotion == told.emotion
        assert page.units == tuple(sorted({code.unit for code in told.aus}))
    assert all(page.emotion is None for page in PAGES if page not in ANSWERS)


def test_what_a_face_shows_holds_the_evidence() -> None:
    """An answer names nothing that is not shown."""
    for page in ANSWERS:
        told = triple.parse(page.text.removeprefix(f"{triple.TASK}\n"))
        assert told is not None
        assert {sight.text for sight in told.evidence} <= set(page.region_phrases)


def test_a_page_shows_one_phrase_a_region() -> None:
    for page in PAGES:
        assert all(phrase.startswith(region) for phrase, region in zip(page.region_phrases, REGIONS, strict=True))


def test_every_observable_unit_is_taught() -> None:
    taught = " ".join(page.text for page in textbook.pages(4000, 0))
    shown = {unit.name for unit in UNITS.values() if unit.signs}
    assert {name for name in shown if f" {name}" in taught} == shown


@pytest.mark.parametrize("text", [PAGES[0].text, "Ein Gruß — 微表情 \x00", "no words of ours at all"])
def test_a_tokenizer_returns_what_it_was_given(words_of_pages: PreTrainedTokenizerFast, text: str) -> None:
    assert words_of_pages.decode(words_of_pages.encode(text)) == text


def test_what_is_seen_at_a_region_is_one_token() -> None:
    dials = params.load(ROOT / "params.yaml").backbone
    pages = textbook.pages(3000, dials.seed)
    known = tokenizer.train(
        [phrase for page in pages for phrase in (*page.region_phrases, page.text)], dials.vocabulary
    )
    for direction in words.DIRECTIONS:
        assert [len(known.encode(f"chin {direction}, {level}, late")) for level in words.LEVELS[1:]] == [2, 2, 2]


def test_same_text_same_tokens() -> None:
    texts = [page.text for page in PAGES]
    assert tokenizer.train(texts, 400).get_vocab() == tokenizer.train(texts, 400).get_vocab()
