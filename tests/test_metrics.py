from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, recall_score

from deft.score import faithful, loso, metrics

TRUE = ["a", "a", "a", "b", "b", "c"]
GIVEN = ["a", "a", "b", "b", "c", "c"]
# F1: a 2·2/(3+2) = .8, b 2·1/(2+2) = .5, c 2·1/(1+2) = 2/3. Recall: 2/3, 1/2, 1.
UF1, UAR, ACC = (0.8 + 0.5 + 2 / 3) / 3, (2 / 3 + 1 / 2 + 1) / 3, 4 / 6


def test_scores_are_those_of_the_hand() -> None:
    assert metrics.emotion(TRUE, GIVEN) == pytest.approx({"uf1": UF1, "uar": UAR, "acc": ACC})


def test_each_class_has_its_own_score() -> None:
    assert metrics.per_class(TRUE, GIVEN) == pytest.approx({"a": 0.8, "b": 0.5, "c": 2 / 3})


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1))
def test_scores_are_scikit_learns_over_the_classes_of_the_truth(pairs: list[tuple[str, str]]) -> None:
    true, given_ = map(list, zip(*pairs, strict=True))
    classes = sorted(set(true))
    scores = metrics.emotion(true, given_)
    assert scores["uf1"] == pytest.approx(f1_score(true, given_, labels=classes, average="macro", zero_division=0))
    assert scores["uar"] == pytest.approx(recall_score(true, given_, labels=classes, average="macro", zero_division=0))


def test_an_answer_that_is_no_class_is_wrong() -> None:
    assert metrics.emotion(["a", "b"], ["a", ""]) == pytest.approx({"uf1": 0.5, "uar": 0.5, "acc": 0.5})


def test_a_class_that_is_never_answered_counts_as_nought() -> None:
    assert metrics.emotion(["a", "b"], ["a", "a"])["uf1"] == pytest.approx((2 / 3 + 0) / 2)


def test_a_class_that_the_truth_lacks_does_not_count() -> None:
    assert metrics.emotion(["a", "a"], ["a", "z"])["uf1"] == pytest.approx(2 / 3)


def test_units_are_scored_one_by_one() -> None:
    mean, each = metrics.units([{4, 7}, {4}, {12}, set()], [{4}, {4, 12}, {12}, {1}])
    assert each == pytest.approx({"4": 1.0, "7": 0.0, "12": 2 / 3})
    assert mean == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_units_that_nobody_shows_score_nothing() -> None:
    assert metrics.units([set()], [{4}]) == (0.0, {})


SUBJECTS = [f"s{i // 4}" for i in range(40)]


def sample() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    true = rng.choice(list("abc"), 40)
    return true.tolist(), np.where(rng.random(40) < 0.6, true, rng.choice(list("abc"), 40)).tolist()


def interval(seed: int, resamples: int = 200) -> dict[str, tuple[float, float]]:
    true, answered = sample()
    return metrics.bootstrap(
        lambda at: metrics.emotion([true[i] for i in at], [answered[i] for i in at]), SUBJECTS, resamples, seed
    )


def test_an_interval_contains_its_point() -> None:
    true, answered = sample()
    for key, point in metrics.emotion(true, answered).items():
        low, high = interval(1)[key]
        assert low < point < high


def test_same_seed_same_interval() -> None:
    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_subjects_are_drawn_whole() -> None:
    drawn: list[list[int]] = []
    metrics.bootstrap(lambda at: drawn.append(list(at)) or {"n": len(at)}, SUBJECTS, 20, 0)  # type: ignore[func-returns-value]
    for at in drawn:
        counts = np.bincount(at, minlength=40).reshape(10, 4)
        assert (counts == counts[:, :1]).all()
        assert counts[:, 0].sum() == 10


def test_a_score_that_never_varies_has_no_width() -> None:
    assert metrics.bootstrap(lambda at: {"one": 1.0}, SUBJECTS, 10, 0) == {"one": (1.0, 1.0)}


def sight(region: str, direction: str) -> dict[str, str]:
    return {"region": region, "direction": direction, "level": "slight", "timing": "late"}


def test_evidence_is_scored_by_region_and_direction() -> None:
    said = [[sight("chin", "up"), sight("upper lip", "up")], [sight("chin", "down")]]
    measured = [[sight("chin", "up"), sight("upper lip", "down")], []]
    assert faithful.evidence_f1(said, measured) == pytest.approx(2 * 1 / (3 + 2))


def test_evidence_does_not_depend_on_level_and_timing() -> None:
    other = sight("chin", "up") | {"level": "strong", "timing": "early"}
    assert faithful.evidence_f1([[sight("chin", "up")]], [[other]]) == 1


def test_saying_nothing_of_nothing_is_faithful() -> None:
    assert faithful.evidence_f1([[]], [[]]) == 1
    assert faithful.evidence_f1([[]], [[sight("chin", "up")]]) == 0


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
    assert faithful.unsupported_rate(rationales, supported) == pytest.approx(rate)


def clip(subject: str, true: str, head: str, said: str | None) -> dict[str, Any]:
    truth = {"dataset": "d", "subject": subject, "label": true, "listed": [4], "moving": [4]}
    answer = {"emotion": head, "units": [4], "said_emotion": said, "parsed": said is not None}
    rationale = said and "also 4 brow lowerer"
    seen = [sight("chin", "up")]
    return truth | answer | {"evidence": seen, "said_evidence": said and seen, "said_rationale": rationale}


def test_the_figures_of_a_run_hold_every_group_with_its_intervals() -> None:
    clips = [clip("1", "a", "a", "a"), clip("1", "b", "a", None), clip("2", "a", "a", "b"), clip("2", "b", "b", "b")]
    found = loso.figures(clips, 50, 0)
    assert found["emotion"]["acc"] == 0.75
    assert found["generated"]["acc"] == 0.5
    assert found["text"]["parsed"] == 0.75
    assert found["text"]["agreement"] == 0.5
    assert found["text"]["unsupported_au_rate"] == 0
    assert found["text"]["evidence_f1"] == pytest.approx(2 * 3 / 7, abs=1e-4)
    assert found["au"]["f1"] == 1
    assert found["n"] == {"clips": 4, "subjects": 2}
    for group in ("emotion", "generated", "au", "text"):
        for key in [key for key in found[group] if f"{key}_low" in found[group]]:
            assert found[group][f"{key}_low"] <= found[group][key] <= found[group][f"{key}_high"]
