import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from deft.facs.emotions import COARSE, LABELS, PROTOTYPES, spoken_for
from deft.score import faithful, metrics


def sight(region: str, direction: str) -> dict[str, str]:
    return {"region": region, "direction": direction, "level": "slight", "timing": "late"}


def once(ratio: metrics.Ratio) -> float:
    return float(ratio(metrics.all_once(len(ratio.parts)))[0])


def test_evidence_is_scored_by_region_and_direction() -> None:
    answered = [[sight("chin", "up"), sight("upper lip", "up")], [sight("chin", "down")]]
    measured = [[sight("chin", "up"), sight("upper lip", "down")], []]
    assert once(faithful.evidence_f1(answered, measured)) == pytest.approx(2 * 1 / (3 + 2))


def test_evidence_does_not_depend_on_level_and_timing() -> None:
    other = sight("chin", "up") | {"level": "strong", "timing": "early"}
    assert once(faithful.evidence_f1([[sight("chin", "up")]], [[other]])) == 1


def test_saying_nothing_of_nothing_is_faithful() -> None:
    assert once(faithful.evidence_f1([[]], [[]])) == 1
    assert once(faithful.evidence_f1([[]], [[sight("chin", "up")]])) == 0


SMILE = (
    "both cheeks up: 6 cheek raiser; right mouth corner up and out: R12 lip corner puller; 6+R12 speaks for happiness"
)


@pytest.mark.parametrize(
    ("rationales", "supported", "rate"),
    [
        ([SMILE], [{6, 12}], 0.0),
        ([SMILE], [{6}], 0.5),
        ([SMILE], [set()], 1.0),
        ([SMILE, "also 4 brow lowerer; 4 speaks for disgust"], [{6, 12}, set()], 1 / 3),
        (["no unit explains the motion; this speaks for others"], [set()], 0.0),
        ([""], [{6}], 0.0),
    ],
)
def test_units_named_without_motion_are_counted(rationales: list[str], supported: list[set[int]], rate: float) -> None:
    assert once(faithful.unsupported(rationales, supported)) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("region", "answered", "measured", "against"),
    [
        ("right cheek", "up", "down", True),
        ("right cheek", "up and out", "down and out", True),
        ("right cheek", "in", "out", True),
        ("right eye", "opening", "closing", True),
        ("chin", "left", "down and right", True),
        ("right cheek", "up and out", "out", False),
        ("right cheek", "up", "in", False),
        ("right eye", "closing", "down", False),
        ("chin", "up", "up", False),
    ],
)
def test_up_for_a_region_that_moves_down_is_a_contradiction(
    region: str, answered: str, measured: str, against: bool
) -> None:
    phrases = [f"{region} {measured}, clear, late", "nose root still"]
    assert once(faithful.contradictions([[sight(region, answered)]], [phrases])) == against
    assert (
        once(faithful.contradictions([[sight(region, measured)]], [[f"{region} {answered}, clear, late"]])) == against
    )


def test_a_still_region_contradicts_nothing() -> None:
    answered = [[sight("chin", "up"), sight("right cheek", "up")], []]
    phrases = [["chin still", "right cheek down, slight, early"], ["chin up, clear, late"]]
    assert once(faithful.contradictions(answered, phrases)) == 1
    assert once(faithful.contradictions(answered[1:], phrases[1:])) == 0


@pytest.mark.parametrize("emotion", PROTOTYPES)
def test_a_class_follows_from_each_of_its_prototypes(emotion: str) -> None:
    for units in PROTOTYPES[emotion]:
        assert {emotion, COARSE.get(emotion, "others")} <= spoken_for(units)
        assert emotion in spoken_for(units | {45})


def test_units_speak_for_their_objective_class_as_a_whole() -> None:
    assert spoken_for([6, 12]) & set(LABELS["objective"]) == {"I"}
    assert spoken_for([6, 12, 4]) & set(LABELS["objective"]) == {"VII"}


def test_no_unit_speaks_for_no_emotion() -> None:
    assert spoken_for([]) == {"VII"}


@pytest.mark.parametrize(
    ("classes", "aus", "rate"),
    [
        (["happiness"], [["6", "R12"]], 1.0),
        (["disgust"], [["6", "R12"]], 0.0),
        (["positive"], [["12"]], 1.0),
        (["I"], [["6", "12"]], 1.0),
        (["happiness", "others", "disgust"], [["12"], [], ["12"]], 0.5),
        (["tense"], [["4"]], 0.0),
        ([""], [[]], 0.0),
    ],
)
def test_a_class_follows_from_the_units_named_or_not(classes: list[str], aus: list[list[str]], rate: float) -> None:
    assert once(faithful.follows(classes, aus)) == rate


TEXTS = ["chin up, clear, late; chin raiser", "nothing moves at all here", "both cheeks up and out"]
TARGETS = ["chin up, slight, late; chin raiser", "nothing moves here", "both cheeks down"]


@pytest.mark.parametrize("times", [[1, 1, 1], [2, 0, 1], [0, 3, 0]])
def test_bleu_is_that_of_the_corpus_that_was_drawn(times: list[int]) -> None:
    texts, targets = (
        [text for text, n in zip(some, times, strict=True) for _ in range(n)] for some in (TEXTS, TARGETS)
    )
    found = faithful.bleu(TEXTS, TARGETS)(np.array([times], float))["bleu"]
    assert found.tolist() == pytest.approx([BLEU().corpus_score(texts, [targets]).score])


def test_bleu_of_the_same_words_is_all_of_it() -> None:
    assert faithful.bleu(TEXTS, TEXTS)(np.ones((1, 3)))["bleu"].tolist() == pytest.approx([100])


def test_rouge_is_that_of_the_hand() -> None:
    """Two of three words are among four: precision 2/3, recall 1/2; the other answer says the same."""
    f1 = 2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2)
    assert once(faithful.rouge1(["a b c", "d"], ["a b d e", "d"])) == pytest.approx((f1 + 1) / 2)
