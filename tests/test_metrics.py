from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from deft.score import calibration, loso, metrics

TRUE = ["a", "a", "a", "b", "b", "c"]
GIVEN = ["a", "a", "b", "b", "c", "c"]
# F1: a 2·2/(3+2) = .8, b 2·1/(2+2) = .5, c 2·1/(1+2) = 2/3. Recall: 2/3, 1/2, 1. Precision: 1, 1/2, 1/2.
SCORES = {
    "uf1": (0.8 + 0.5 + 2 / 3) / 3,
    "uar": (2 / 3 + 1 / 2 + 1) / 3,
    "acc": 4 / 6,
    "wf1": (3 * 0.8 + 2 * 0.5 + 1 * 2 / 3) / 6,
}
ANSWERS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1)


def once(score: metrics.Score, clips: int) -> dict[str, float]:
    """A score over all clips."""
    return {key: float(value[0]) for key, value in score(metrics.all_once(clips)).items()}


def emotion(true: list[str], answered: list[str]) -> dict[str, float]:
    return once(metrics.emotion(true, answered), len(true))


def test_scores_are_those_of_the_hand() -> None:
    assert emotion(TRUE, GIVEN) == pytest.approx(SCORES)


def test_each_class_has_its_own_scores() -> None:
    assert metrics.per_class(TRUE, GIVEN) == [
        {"emotion": "a", "f1": 0.8, "recall": 0.6667, "precision": 1.0, "support": 3},
        {"emotion": "b", "f1": 0.5, "recall": 0.5, "precision": 0.5, "support": 2},
        {"emotion": "c", "f1": 0.6667, "recall": 1.0, "precision": 0.5, "support": 1},
    ]


@given(ANSWERS)
def test_scores_are_scikit_learns_over_the_classes_of_the_truth(answers: list[tuple[str, str]]) -> None:
    true, answered = map(list, zip(*answers, strict=True))
    classes = sorted(set(true))
    kept: dict[str, Any] = {"labels": classes, "zero_division": 0}
    assert emotion(true, answered) == pytest.approx(
        {
            "uf1": f1_score(true, answered, average="macro", **kept),
            "uar": recall_score(true, answered, average="macro", **kept),
            "acc": accuracy_score(true, answered),
            "wf1": f1_score(true, answered, average="weighted", **kept),
        }
    )
    each = metrics.per_class(true, answered)
    for key, of in (("f1", f1_score), ("recall", recall_score), ("precision", precision_score)):
        assert [row[key] for row in each] == pytest.approx(list(of(true, answered, average=None, **kept)), abs=1e-4)


@given(ANSWERS, st.integers(0, 99))
def test_a_clip_that_is_drawn_twice_counts_as_two(answers: list[tuple[str, str]], seed: int) -> None:
    times = np.random.default_rng(seed).integers(0, 3, len(answers))
    times[seed % len(answers)] += 1
    true, answered = map(
        list, zip(*[pair for pair, n in zip(answers, times, strict=True) for _ in range(n)], strict=True)
    )
    drawn = metrics.emotion(*map(list, zip(*answers, strict=True)))(times[None].astype(float))
    assert {key: value[0] for key, value in drawn.items()} == pytest.approx(emotion(true, answered))


def test_an_answer_that_is_no_class_is_wrong() -> None:
    assert emotion(["a", "b"], ["a", ""]) == pytest.approx({"uf1": 0.5, "uar": 0.5, "acc": 0.5, "wf1": 0.5})


def test_a_class_that_is_never_answered_counts_as_nought() -> None:
    assert emotion(["a", "b"], ["a", "a"])["uf1"] == pytest.approx((2 / 3 + 0) / 2)


def test_a_class_that_the_truth_lacks_does_not_count() -> None:
    assert emotion(["a", "a"], ["a", "z"])["uf1"] == pytest.approx(2 / 3)


def test_the_mean_of_folds_is_not_the_pooled_score() -> None:
    """Fold 1 shows a alone and is right; fold 2 shows a and b and says b: UF1 (0 + 2/3)/2, UAR 1/2, accuracy 1/2.

    Pooled, the F1 of a is 2·2/(3+2), that of b 2·1/(1+2).
    """
    true, answered, folds = ["a", "a", "a", "b"], ["a", "a", "b", "b"], ["1", "1", "2", "2"]
    mean = metrics.fold_mean(true, answered, folds)
    assert mean == pytest.approx({"uf1": (1 + 1 / 3) / 2, "uar": 0.75, "acc": 0.75}, abs=1e-4)
    assert emotion(true, answered)["uf1"] == pytest.approx((0.8 + 2 / 3) / 2)


UNITS: tuple[list[set[int]], list[set[int]]] = ([{4, 7}, {4}, {12}, set()], [{4}, {4, 12}, {12}, {1}])


def test_units_are_scored_one_by_one() -> None:
    each = metrics.per_unit(*UNITS)
    assert each["per_unit"] == pytest.approx({"4": 1.0, "7": 0.0, "12": 2 / 3}, abs=1e-4)
    assert each["support"] == {"4": 2, "7": 1, "12": 1}
    assert once(metrics.units(*UNITS), 4)["f1"] == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_units_that_nobody_shows_score_nothing() -> None:
    assert once(metrics.units([set()], [{4}]), 1) == {"f1": 0.0}
    assert metrics.per_unit([set()], [{4}]) == {"per_unit": {}, "support": {}}


SURE, RIGHT = [0.95, 0.95, 0.55, 0.55, 0.15], [True, False, True, True, False]


def test_calibration_is_that_of_the_hand() -> None:
    """2/5 · |1/2 - .95| + 2/5 · |1 - .55| + 1/5 · |0 - .15|."""
    assert once(calibration.error(SURE, RIGHT), 5)["ece"] == pytest.approx(0.39)
    assert calibration.reliability(SURE, RIGHT) == [
        {"confidence": 0.15, "accuracy": 0.0, "clips": 1},
        {"confidence": 0.55, "accuracy": 1.0, "clips": 2},
        {"confidence": 0.95, "accuracy": 0.5, "clips": 2},
    ]


def test_who_is_right_as_often_as_sure_is_calibrated() -> None:
    assert once(calibration.error([0.75] * 4, [True, True, True, False]), 4)["ece"] == pytest.approx(0)


def test_a_bin_of_confidence_holds_its_upper_edge() -> None:
    assert [row["clips"] for row in calibration.reliability([0.1, 0.2, 1.0], [True] * 3)] == [1, 1, 1]
    assert [row["clips"] for row in calibration.reliability([0.15, 0.2], [True] * 2)] == [2]


SUBJECTS = [f"s{i // 4}" for i in range(40)]


def sample() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    true = rng.choice(list("abc"), 40)
    return true.tolist(), np.where(rng.random(40) < 0.6, true, rng.choice(list("abc"), 40)).tolist()


def intervals(seed: int) -> dict[str, float]:
    return metrics.with_intervals(metrics.emotion(*sample()), metrics.draws(SUBJECTS, 200, seed))


def test_an_interval_contains_its_point() -> None:
    found = intervals(1)
    for key in SCORES:
        assert found[f"{key}_low"] < found[key] < found[f"{key}_high"]


def test_same_seed_same_interval() -> None:
    assert intervals(1) == intervals(1)
    assert intervals(1) != intervals(2)


def test_subjects_are_drawn_whole() -> None:
    for times in metrics.draws(SUBJECTS, 20, 0).reshape(20, 10, 4):
        assert (times == times[:, :1]).all()
        assert times[:, 0].sum() == 10


def test_a_score_that_never_varies_has_no_width() -> None:
    always: Callable[..., dict[str, metrics.Floats]] = lambda weights: {"one": np.ones(len(weights))}  # noqa: E731
    assert metrics.with_intervals(always, metrics.draws(SUBJECTS, 10, 0)) == {"one": 1, "one_low": 1, "one_high": 1}


SEEN = {"region": "chin", "direction": "up", "level": "slight", "timing": "late"}


def clip(subject: str, true: str, head: str, said: str | None, **changed: Any) -> dict[str, Any]:
    truth = {"dataset": "d", "subject": subject, "label": true, "listed": [4], "moving": [4]}
    texts = {"target": "x", "text": "x", "seen": ["chin up, slight, late"], "fold": subject}
    answer = {"emotion": head, "units": [4], "said_emotion": said, "parsed": said is not None}
    text_columns: dict[str, Any] = dict.fromkeys(("said_evidence", "said_rationale", "said_aus"))
    if said:
        text_columns = {"said_evidence": [SEEN], "said_rationale": "also 4 brow lowerer", "said_aus": ["4"]}
    sure = {"probabilities": [{"emotion": head, "p": 0.75}, {"emotion": "z", "p": 0.25}], "shuffled": None}
    return truth | texts | answer | text_columns | sure | {"evidence": [SEEN]} | changed


CLIPS = [clip("1", "a", "a", "a"), clip("1", "b", "a", None), clip("2", "a", "a", "b"), clip("2", "b", "b", "b")]


def test_the_figures_of_a_run_hold_every_group_with_its_intervals() -> None:
    found = loso.figures(CLIPS, 50, 0)
    assert found["emotion"]["acc"] == 0.75
    assert found["emotion"]["ece"] == 0
    assert found["generated"]["acc"] == 0.5
    assert found["text"]["parsed"] == 0.75
    assert found["text"]["agreement"] == 0.5
    assert found["text"]["unsupported_au_rate"] == 0
    assert found["text"]["evidence_f1"] == pytest.approx(2 * 3 / 7, abs=1e-4)
    assert found["au"]["f1"] == 1
    assert found["n"] == {"clips": 4, "subjects": 2}
    assert "shuffled" not in found
    for group in ("emotion", "generated", "au", "text"):
        keys = [key for key in found[group] if f"{key}_low" in found[group]]
        assert keys, group
        for key in keys:
            assert found[group][f"{key}_low"] <= found[group][key] <= found[group][f"{key}_high"]


def test_a_subject_has_its_own_row() -> None:
    assert loso.by_subject(CLIPS) == [
        {"subject": "d/1", "clips": 2, "acc": 0.5, "uf1": 0.3333, "generated_acc": 0.5, "generated_uf1": 0.5},
        {"subject": "d/2", "clips": 2, "acc": 1.0, "uf1": 1.0, "generated_acc": 0.5, "generated_uf1": 0.3333},
    ]


def test_datasets_are_scored_apart_and_together() -> None:
    other = [row | {"dataset": "e"} for row in CLIPS[:2]]
    found = loso.report(CLIPS + other, 20, 0)
    assert {name: each["n"]["clips"] for name, each in found["by_dataset"].items()} == {"d": 4, "e": 2}
    assert found["by_dataset"]["e"]["emotion"]["acc"] == 0.5
    assert found["n"] == {"clips": 6, "subjects": 3}


def test_one_dataset_alone_is_the_whole() -> None:
    found = loso.report(CLIPS, 20, 0)
    assert found["by_dataset"]["d"] == loso.figures(CLIPS, 20, 0)


def test_a_baseline_is_scored_as_the_model_is() -> None:
    rows = [row | {"baseline": "majority", "emotion": "a"} for row in CLIPS]
    found = loso.baselines(rows, 20, 0)["majority"]
    assert found["n"] == {"clips": 4, "subjects": 2}
    assert (found["emotion"]["acc"], found["emotion"]["uf1"]) == (0.5, 0.3333)
    assert found["emotion"]["fold_mean"]["uar"] == 0.5


def test_how_the_figures_came_about_is_said() -> None:
    assert loso.rule({"protocol": "loso", "folds": 8, "subjects": 8}).endswith("pooled over 8 folds")
    assert loso.rule({"protocol": "fixed", "folds": 1, "subjects": 3}).endswith("3 subjects tested")
