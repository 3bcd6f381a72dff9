import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bench import ablate, compensation, faces, gpu, kinds, little, llama, nuisances, pairs, peer, tuning, verdicts
from deft.core import features, params, tables
from deft.facs.units import EXPRESSIVE
from deft.llm import load as llm
from deft.llm.pretrain import pad_rows
from deft.models.deft.adapters import adapted
from deft.models.deft.model import Deft
from deft.models.deft.training import examples, fold, loop, losses
from deft.motion import tvl1
from deft.motion.verification import Calibration
from deft.prior import Answers, Prior, layout, reconstruction
from deft.prior import nuisances as prior_nuisances
from deft.prior.network import Network
from deft.report import table
from pipeline import stage

Y, X = np.mgrid[: pairs.SIDE, : pairs.SIDE].astype(np.float32)


@pytest.fixture(scope="module")
def made() -> list[pairs.Pair]:
    return pairs.make(5, rendered=3, rounds=1)


def alike(one: NDArray[np.generic], other: NDArray[np.generic], visible: NDArray[np.bool_]) -> float:
    """Correlation, each pixel less the mean around it: light does not matter."""
    flat = [(each - cv2.blur(each, (9, 9)))[visible] for each in (one.astype(np.float32), other.astype(np.float32))]
    return float(np.corrcoef(*flat)[0, 1])


def test_truth_says_where_the_target_shows_the_reference(made: list[pairs.Pair]) -> None:
    judged = 0
    for pair in made:
        back = cv2.remap(pair.target, X + pair.truth[..., 0], Y + pair.truth[..., 1], cv2.INTER_CUBIC)
        moved = np.linalg.norm(pair.truth, axis=-1) > 1
        if moved.sum() > 500:
            visible = pair.visible & moved
            judged += 1
            assert alike(back, pair.reference, visible) > alike(pair.target, pair.reference, visible), pair.name
    assert judged > len(made) / 3


def test_pairs_are_as_the_bar_asks(made: list[pairs.Pair]) -> None:
    lengths = [np.linalg.norm(pair.truth, axis=-1).max() for pair in made]
    assert max(lengths) <= pairs.LARGEST_PX[-1] + 1e-4
    assert min(lengths) < 1
    assert {pair.name.split()[0] for pair in made} > {"rendered", "astronaut", "hopper", "china"}
    for pair in made:
        assert pair.reference.shape == pair.target.shape == (256, 256)
        assert pair.visible.mean() > 0.9
        assert np.isfinite(pair.truth).all()


def test_the_same_seed_gives_the_same_pairs(made: list[pairs.Pair]) -> None:
    for one, other in zip(made, pairs.make(5, rendered=3, rounds=1), strict=True):
        np.testing.assert_array_equal(one.target, other.target)
        np.testing.assert_array_equal(one.truth, other.truth)


def test_a_peer_answers_pair_by_pair(made: list[pairs.Pair], tmp_path: Path) -> None:
    path = tmp_path / "pairs.npz"
    pairs.save(path, made[:2])
    command = [sys.executable, str(Path(peer.__file__)), "deft", str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, input="0\n1\n", capture_output=True, text=True, env=environment, check=True)
    ready, *answers = done.stdout.splitlines()
    assert ready == "ready"
    for pair, answer in zip(made[:2], map(json.loads, answers), strict=True):
        error = np.linalg.norm(tvl1.flow(pair.reference, pair.target) - pair.truth, axis=-1)[pair.visible].mean()
        assert answer["error_px"] == pytest.approx(float(error), abs=1e-5)
        assert answer["ms"] > 0


def test_a_clip_shows_its_conditions() -> None:
    scene = faces.render(3, 0, faces.Conditions(2.0, 2.0))
    assert max(scene.moved.values()) == pytest.approx(2.0)
    flow = tvl1.flow(scene.crops[0], scene.crops[-1])
    middle = slice(60, 200), slice(60, 200)
    truth = scene.expression + scene.head
    assert np.median(np.linalg.norm(flow - truth, axis=-1)[middle]) < 0.1
    assert np.linalg.norm(truth, axis=-1)[middle].mean() > 0.5


def test_a_clip_without_expression_is_still_but_for_the_head() -> None:
    scene = faces.render(3, 1, faces.Conditions(0.0, 1.0))
    assert not scene.moved
    assert np.abs(scene.expression).max() < 1e-3
    assert np.abs(scene.head).max() > 0.3


def test_every_method_removes_a_shift() -> None:
    scene = faces.render(3, 1, faces.Conditions(0.0, 1.0))
    shift = np.full((256, 256, 2), (1.5, -0.5), np.float32)
    for name, method in compensation.METHODS.items():
        left = np.abs(method(shift, scene.points)).max()
        assert left == pytest.approx(1.5 if name == "none" else 0.0, abs=1e-3)


def judged(
    moved: dict[int, float], support: float, spare: float = 0.0, **conditions: object
) -> list[dict[str, object]]:
    """Rows of one clip: units in `moved` have this support, all others none."""
    return [
        {"amplitude_px": max(moved.values(), default=0.0), "head_px": 0.0, "blink": False, "gaze": False}
        | {"unit": unit, "moved_px": moved.get(unit, 0.0), "support": support if unit in moved else 0.0}
        | {"spare": 0.0 if unit in moved else spare}
        | conditions
        for unit in EXPRESSIVE
    ]


def test_figures_of_verdicts_by_hand() -> None:
    clips = [
        judged({12: amplitude}, 8.0 if amplitude >= 1 else 1.0, spare=1.0, head_px=head)
        for amplitude in verdicts.AMPLITUDES_PX
        for head in verdicts.HEADS_PX
    ]
    clips += [judged({}, 0.0), judged({}, 0.0, blink=True), judged({}, 0.0, gaze=True)]
    table = pd.DataFrame([row | {"clip": number} for number, rows in enumerate(clips) for row in rows])
    found = verdicts.figures(verdicts.by_rules(table, Calibration(3.0, 2.0)), 0.5)
    assert found["auc_from_1_px"] == found["auc_half_to_1_px"] == 1
    assert {point["auc"] for point in found["curve"]} == {1}
    assert found["wrong_precision"] == found["wrong_recall"] == 1
    assert found["false_units_per_clip"] == {"head": 0, "blink": 0, "gaze": 0}
    assert verdicts.rows(found)[0] == ("0.35 px", "1.000", "1.000", "1.000", "1.000")


def test_calibration_is_half_where_both_are_as_likely() -> None:
    rng = np.random.default_rng(0)
    support = np.sinh(np.concatenate([rng.normal(1, 1, 4000), rng.normal(3, 1, 4000)]))
    moved = np.repeat([0.0, 1.0], 4000)
    found = verdicts.calibrated(pd.DataFrame({"moved_px": moved, "spare": 1 - moved, "support": support}))
    assert np.arcsinh(found.even_z) == pytest.approx(2, abs=0.1)  # half way between the two
    assert found.slope == pytest.approx(2, abs=0.1)  # their distance over the variance


def test_traffic_counts_what_is_read_and_written() -> None:
    with gpu.Traffic() as traffic:
        one = torch.ones(100)  # written
        _ = (one[:50] * 2).sum()  # a view is free; 50 read, 50 written, 50 read, 1 written
        traffic.counted(lambda *_: None)(one, 3)
    assert traffic.bytes == 4 * (100 + 50 + 50 + 50 + 1 + 100)


def test_a_model_of_a_llamas_shape_is_tuned_both_ways(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus)
    small = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    found = llama.figures(llama.SHAPE | small | {"num_attention_heads": 2, "num_key_value_heads": 1})
    assert found["ours"]["tokens_per_s"] > 0
    assert found["trainer"]["tokens_per_s"] > 0
    assert found["casme2_loso_hours"] >= 0


def test_the_trainers_loss_is_ours(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer learns the same: on one batch, before anything is tuned, padded or in parts."""
    monkeypatch.chdir(corpus)
    dials = params.load()
    rows = [row for row in tables.rows(Path("data/triples.parquet")) if not row["dropped"]][:6]
    clips, vectors = (
        [examples.from_triple(row) for row in rows],
        features.read(stage.features(dials, dials.experts), [row["clip"] for row in rows]),
    )
    torch.manual_seed(0)
    tokens = llama.RandomTokens(300)
    shape = llama.SHAPE | {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    base, _ = llama.load(shape | {"num_attention_heads": 2, "num_key_value_heads": 1})
    config = examples.configure(clips, vectors, dials)
    loss = dials.loss.model_copy(update={"gamma_negative": 1.0, "margin": 0.0})
    whole = params.ModalityDropout(structure=0.0, texture=0.0, motion=0.0, field=0.0)
    finetune = dials.finetune.model_copy(update={"component_noise": 0.0, "modality_dropout": whole})
    with adapted(base, dials.lora) as language:
        model = Deft(language, tokens, config, fold.reduce(vectors, config, 4))
        targets = losses.targets(clips, config, model.device)
        usual = tuning.PaddedModel(model, model.reduce(vectors), targets, loss)
        encoded = llm.tokenize_answers(tokens, [clip.answer for clip in clips])
        answers, real = pad_rows(encoded, 0)
        theirs = usual(torch.arange(6), answers, real)["loss"].item()
        kept = loop.Clips(encoded, model.reduce(vectors), targets, None)
        parts = [np.array([0, 2, 4]), np.array([1, 3, 5])]
        each = [loop.clip_losses(model, kept, part, np.arange(6), finetune, loss) for part in parts]
        ours = sum(terms.total(loss).item() for terms in each)
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_what_an_ablation_keeps_is_a_row_of_its_table() -> None:
    loso = tables.read_json(ROOT / "metrics" / "loso.json")
    found = {name: ablate._scores(loso, changes) for name, changes in [*ablate.EXPERIMENTS.items(), ("default", [])]}
    first, *others = table.ablations(found).splitlines()[2:]
    assert first.startswith("| **default** |")
    assert [other.count("`-S ") for other in others] == [
        len(found[name]["set"]) for name in sorted(found, key=str.lower)[1:]
    ]


def test_a_packed_field_has_its_range_in_8_bits() -> None:
    flow = np.stack([X, -Y], -1) / 50
    packed = kinds.packed(flow.astype(np.float32))
    assert packed.shape == (28, 28, 2)
    assert packed.min() == 0
    assert packed.max() == 1
    np.testing.assert_allclose(packed * 255, np.round(packed * 255), atol=1e-3)
    small = cv2.resize(flow, (28, 28), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(packed, (small - small.min()) / np.ptp(small), atol=1 / 255)


def test_frames_come_through_the_codec_alike(made: list[pairs.Pair]) -> None:
    frames = [made[0].reference, made[0].target]
    decoded = kinds.decoded_h264(frames)
    assert [frame.shape for frame in decoded] == [(256, 256)] * 2
    assert all(
        0 < np.abs(one.astype(int) - other).mean() < 6 for one, other in zip(frames, decoded, strict=True)
    )  # something was lost, but little


def test_the_scores_of_kinds_by_hand() -> None:
    nothing = np.zeros((4, 1), np.float32)
    scores = np.zeros((4, len(layout.UNITS)), np.float32)
    scores[:, layout.UNITS.index(12)] = [0.9, 0.8, 0.3, 0.4]  # three clips show it: 2 of 3 pairs are in order
    answers = Answers(nothing, nothing, nothing, scores, *[nothing] * 5)
    picture = np.zeros((2, 2), np.uint8)
    clips = [kinds.Clip(nothing, picture, picture, moved) for moved in ({12: 1.0}, {12: 2.0}, {12: 1.0}, {4: 1.0})]
    assert kinds._scores(answers, clips) == {"auc": 0.6667, "units": {"12": 0.6667}}


def test_regions_are_explained_by_the_unit_that_moves_them() -> None:
    smile, brows = ({unit: 1.5} for unit in (12, 1))
    motions = reconstruction.motion_by_output()[0]
    picture = np.zeros((2, 2), np.uint8)
    clips = [
        kinds.Clip((0.01 * motions[layout.numbers(unit, None)].sum(0)).reshape(2, 28, 28), picture, picture, moved)
        for moved in (smile, brows)
        for unit in moved
    ]
    found = kinds.regions(clips)
    assert found["regions"] >= 4
    assert (found["own"], found["without"]) == (1.0, 0.0)


def standins(count: int = 36) -> list[little.Clip]:
    """Clips without pictures: six people, three classes, one unit each."""
    units = {"negative": 4, "positive": 12, "surprise": 1}
    classes = [list(units)[number % 3] for number in range(count)]
    empty = np.zeros((28, 28, 2), np.float32)
    return [
        little.Clip(empty, name, frozenset({units[name]}), f"s{number // 3 % 6}", 0)
        for number, name in enumerate(classes)
    ]


def test_a_class_is_learned_from_other_people_alone() -> None:
    clips = standins()
    rng = np.random.default_rng(0)
    kinds_of = np.array([sorted(little.SHARES).index(clip.emotion) for clip in clips])
    features = (np.eye(3)[kinds_of] + rng.normal(0, 0.1, (len(clips), 3))).astype(np.float32)
    machine = make_pipeline(StandardScaler(), SVC())
    assert little._answers(clips, features, machine) == [clip.emotion for clip in clips]
    own = np.array([[float(clip.subject == f"s{person}") for person in range(6)] for clip in clips], np.float32)
    answers = little._answers(clips, own, machine)  # who it is says nothing of what they show
    assert np.mean([answer == clip.emotion for answer, clip in zip(answers, clips, strict=True)]) <= 0.5


def test_a_class_is_learned_through_units() -> None:
    clips = standins()
    kinds_of = np.array([sorted(little.SHARES).index(clip.emotion) for clip in clips])
    rng = np.random.default_rng(0)
    log_odds = np.full((len(clips), len(layout.UNITS)), -3.0)  # the prior knows nothing
    field = np.eye(3)[kinds_of] + rng.normal(0, 0.05, (len(clips), 3))
    tokens = np.hstack([log_odds, field]).astype(np.float32)[:, None]
    assert little._through_units(clips, tokens) == [clip.emotion for clip in clips]


def test_a_stand_in_shows_the_units_of_its_class() -> None:
    rng = np.random.default_rng(0)
    drawn = [little._units("positive", rng) for _ in range(40)]
    assert all({6, 12} & {motion.unit for motion in shown} for shown in drawn)
    strongest = [max(motion.amplitude_px for motion in shown) for shown in drawn]
    assert min(strongest) >= little.LEAST_PX
    assert max(strongest) <= little.MOST_PX


def test_a_prior_is_trained_without_each_nuisance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small: every prior sees few fields, and the clips show one unit in noise."""
    monkeypatch.setattr(nuisances, "FIELDS", 256)
    monkeypatch.setattr(prior_nuisances, "NAMES", ("noise",))
    rng = np.random.default_rng(0)
    picture = np.zeros((2, 2), np.uint8)
    fields = rng.normal(0, 0.01, (8, 2, 28, 28)).astype(np.float32)
    clips = [
        kinds.Clip(field, picture, picture, {12: 1.0} if number % 2 else {}) for number, field in enumerate(fields)
    ]
    small = [np.ascontiguousarray(field.transpose(1, 2, 0)) for field in fields]
    made = kinds.Material(clips, dict.fromkeys(kinds.KINDS[1:], small))
    others = kinds.registered(made, Prior(Network(), nuisances._uncalibrated()))
    assert {other.fields.shape for other in others.values()} == {fields.shape}
    found = nuisances.figures(made, others)
    assert list(found) == ["nothing", "noise"]
    assert all(list(by_kind) == list(kinds.KINDS) for by_kind in found.values())
    assert all(len(aucs) == len(nuisances.SEEDS) for by_kind in found.values() for aucs in by_kind.values())
    assert found["nothing"] != found["noise"]
    assert [row[0] for row in nuisances.rows(found)] == ["nothing", "noise"]
