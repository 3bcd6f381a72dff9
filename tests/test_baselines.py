import numpy as np
import numpy.typing as npt
import pytest
import torch
from conftest import random_flow
from hypothesis import given
from hypothesis import strategies as st

from deft.models import baselines
from deft.score import experts

Floats = npt.NDArray[np.float32]


def fields(count: int, seed: int) -> tuple[Floats, list[str]]:
    """Fields of two classes: motion up, or to the right, at one place, in noise."""
    rng = np.random.default_rng(seed)
    found, labels = [], []
    for number in range(count):
        flow = rng.normal(0, 0.1, (64, 64, 2)).astype(np.float32)
        flow[20:40, 20:40] += (0, -2) if number % 2 else (2, 0)
        found.append(baselines.field(flow))
        labels.append("up" if number % 2 else "right")
    return np.stack(found), labels


def test_a_field_is_motion_and_strain_in_no_unit() -> None:
    flow = random_flow(0)
    network_input = baselines.field(flow)
    assert network_input.shape == (3, 28, 28)
    assert np.hypot(network_input[0], network_input[1]).max() == pytest.approx(1)
    assert network_input[2].max() == pytest.approx(1)
    np.testing.assert_allclose(baselines.field(100 * flow), network_input, atol=1e-5)


def test_a_still_field_is_zero() -> None:
    assert not baselines.field(np.zeros((64, 64, 2), np.float32)).any()


def test_three_streams_have_sixteen_maps_of_five_by_five() -> None:
    """3, 5 and 8 maps of 10 × 10 after pooling, halved: 400 values a clip, as in the paper."""
    model = baselines.ThreeStreams(4)
    assert [stream(torch.zeros(1, 3, 28, 28)).shape[1:] for stream in model.streams] == [(n, 10, 10) for n in (3, 5, 8)]
    assert model(torch.zeros(2, 3, 28, 28)).shape == (2, 4)


def test_three_streams_learn_what_moves_where() -> None:
    (train, labels), (test, true) = fields(24, 0), fields(10, 1)
    assert baselines.three_streams(train, labels, test, epochs=40, seed=1) == true


def test_three_streams_of_one_seed_are_one() -> None:
    (train, labels), (test, _) = fields(12, 0), fields(10, 1)
    first, again = (baselines.three_streams(train, labels, test, epochs=3, seed=1) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("count", [1, 33])
def test_a_clip_left_over_alone_does_no_harm(count: int) -> None:
    train, labels = fields(count, 0)
    assert len(baselines.three_streams(train, labels, train, epochs=1, seed=1)) == count


@pytest.mark.parametrize("kernel", ["poly", "linear"])
def test_a_support_vector_machine_tells_two_classes_apart(kernel: str) -> None:
    (train, labels), (test, true) = fields(24, 0), fields(10, 1)
    flat = [each.reshape(len(each), -1) for each in (train, test)]
    assert baselines.svm(flat[0], labels, flat[1], 1.0, kernel) == true


def test_a_machine_that_learned_both_ways_knows_what_it_saw_in_a_mirror_alone() -> None:
    (train, labels), (test, true) = fields(24, 0), fields(10, 1)
    ways = [np.stack([baselines.both_ways(field[:2]).reshape(2, -1) for field in part]) for part in (train, test)]
    assert baselines.svm_both_ways(ways[0], labels, ways[1], 1.0) == true
    turned = ways[1][:, ::-1]  # what moved to the right now moves to the left
    assert baselines.svm_both_ways(ways[0], labels, turned, 1.0) == true


def test_a_mirror_turns_a_field_and_its_vectors() -> None:
    vectors = baselines.field(random_flow(0))[:2]
    as_it_is, mirrored = baselines.both_ways(vectors)
    np.testing.assert_array_equal(as_it_is, vectors)
    np.testing.assert_array_equal(mirrored[0], -vectors[0, :, ::-1])
    np.testing.assert_array_equal(mirrored[1], vectors[1, :, ::-1])
    np.testing.assert_array_equal(baselines.both_ways(mirrored)[1], vectors)


def test_a_probe_reads_classes_off_tokens_by_a_line() -> None:
    rng = np.random.default_rng(0)
    labels = ["a", "b"] * 20
    tokens = rng.normal(size=(40, 3, 6)).astype(np.float32)
    tokens[::2, 1, 2] += 6
    assert baselines.probe(tokens[:30], labels[:30], tokens[30:], 6) == labels[30:]


@given(st.integers(1, 4))
def test_a_fold_of_one_class_answers_it(count: int) -> None:
    train, test = np.eye(3, 4, dtype=np.float32), np.ones((count, 4), np.float32)
    assert baselines.svm(train, ["others"] * 3, test, 1.0, "linear") == ["others"] * count
    assert baselines.probe(train[:, None], ["others"] * 3, test[:, None], 2) == ["others"] * count
    network = baselines.three_streams(np.zeros((3, 3, 28, 28), np.float32), ["others"] * 3, fields(count, 0)[0], 1, 1)
    assert network == ["others"] * count


def test_each_baseline_answers_what_it_has_features_of() -> None:
    rng = np.random.default_rng(0)
    known = {f"t{number}": "ab"[number % 2] for number in range(12)}
    views = {clip: np.full(4, "ab".index(label)) + rng.normal(0, 0.1, 4) for clip, label in known.items()}
    features = {
        "lbp_top_svm": views | {"x": np.ones(4)},
        "probe_motion": {clip: view[None] for clip, view in views.items()},
    }
    hyperparameters = {"penalty": 1.0, "epochs": 1, "seed": 1, "components": 2}
    rows = baselines.judge(known, ["x", "y"], features, **hyperparameters)  # type: ignore[arg-type]
    assert rows == [
        {"clip": "x", "baseline": "majority", "emotion": "a"},
        {"clip": "y", "baseline": "majority", "emotion": "a"},
        {"clip": "x", "baseline": "lbp_top_svm", "emotion": "b"},
    ]


def row(label: str, head: str, **without: str) -> dict[str, object]:
    hidden = [{"expert": expert, "emotion": emotion} for expert, emotion in without.items()]
    return {"dataset": "d", "subject": head, "label": label, "emotion": head, "without": hidden}


def test_a_drop_is_what_the_head_loses_without_an_expert() -> None:
    """By hand: all four right, UF1 1; without motion all say a: F1 of a 2/3, of b 0, UF1 1/3."""
    clips = [row(label, label, motion="a", texture=label) for label in "aabb"]
    found = experts.drops(clips, 20, 0)
    assert found["motion"]["uf1"] == pytest.approx(1 - 1 / 3, abs=1e-4)
    assert found["texture"]["uf1"] == 0
    assert found["motion"]["uf1_low"] <= found["motion"]["uf1"] <= found["motion"]["uf1_high"]


def test_an_expert_that_sees_nothing_of_a_clip_is_no_loss_there() -> None:
    assert experts.drops([row("a", "a", motion="a"), row("b", "b")], 5, 0)["motion"]["uf1"] == 0
