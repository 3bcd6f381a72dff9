from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from deft import facs, prior
from deft.core.errors import DataError
from deft.facs import mean_face, regions
from deft.facs.regions import MIRROR
from deft.facs.units import UNITS, observable
from deft.motion import evidence, verification
from deft.prior import Prior, canonical, layout, nuisances, placement, reconstruction, registration, training
from deft.prior.synthesis import Synthesis
from deft.score import prior as scores

Fields = npt.NDArray[np.float32]
GRID = (layout.GRID, layout.GRID)


@pytest.fixture(scope="module")
def reader(corpus: Path) -> Prior:
    """A prior that has seen few fields."""
    return prior.load(corpus / "models" / "prior")


def shown(unit: int, side: str | None, reach: float = 0.02, count: int = 1) -> Fields:
    """Fields (count, 2, 28, 28) of one unit on the mean face, in eye distances."""
    motion = reconstruction.motion_by_output()[0][layout.NUMBER[layout.Output(unit, side)]]
    return np.repeat((reach * motion).reshape(1, 2, *GRID), count, 0)


def mirrored(fields: Fields) -> Fields:
    return fields[..., ::-1] * np.array([-1, 1], np.float32)[:, None, None]


def test_the_two_sides_mirror_each_other() -> None:
    for unit in layout.PAIRED_UNITS:
        np.testing.assert_allclose(mirrored(shown(unit, "R")), shown(unit, "L"), atol=1e-6)
    for unit in layout.CENTRAL_UNITS:
        np.testing.assert_allclose(mirrored(shown(unit, None)), shown(unit, None), atol=1e-6)


def test_the_subjects_right_is_the_pictures_left() -> None:
    smile = np.abs(shown(12, "R")[0]).sum(0)
    assert smile[:, :14].sum() > 20 * smile[:, 14:].sum()


def test_the_same_seed_gives_the_same_fields() -> None:
    first, second = (Synthesis(7).batch(20) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not torch.equal(first.fields, Synthesis(8).batch(20).fields)


def test_synthetic_fields_and_their_truth() -> None:
    drawn = Synthesis(1).batch(2000)
    assert drawn.fields.shape == (2000, 2, *GRID)
    assert torch.isfinite(drawn.fields).all()
    lengths = drawn.fields.square().sum(1).sqrt().flatten(1)
    assert torch.allclose((lengths > 1).float().mean(1), torch.tensor(0.02), atol=0.01)  # of a field is longer than 1
    assert not drawn.moved[~drawn.upright].any()
    assert (drawn.moved > 0).any(0).all()  # every output moves somewhere
    assert (drawn.moved == 0).all(1).any()  # and some fields show nothing


@pytest.mark.parametrize("name", nuisances.NAMES)
def test_a_nuisance_left_out_changes_the_fields(name: str) -> None:
    with_it, without = Synthesis(3).batch(200).fields, Synthesis(3, left_out=[name]).batch(200).fields
    assert torch.isfinite(without).all()
    assert not torch.equal(with_it, without)


@pytest.mark.parametrize("left_out", [["noise", "solver", "border", "blocks", "unit"]])
def test_a_heads_similarity_is_taken_off(left_out: list[str]) -> None:
    y, x = np.mgrid[-1:1:28j, -1:1:28j].astype(np.float32)
    head = np.stack([0.3 + 0.1 * x - 0.2 * y, -0.5 + 0.1 * y + 0.2 * x])[None]
    moving = shown(4, "R")
    still, _ = placement.normalised(torch.from_numpy(moving))
    turned, _ = placement.normalised(torch.from_numpy(moving + 0.02 * head.astype(np.float32)))
    assert float((still - turned).abs().max()) < 0.02


@pytest.mark.parametrize("side", [28, 64, 256, 1024])
def test_a_field_of_any_size_comes_to_the_same_place(side: int) -> None:
    points = mean_face.filling((side, side))
    iod_px = side / mean_face.FRAME
    y, x = np.mgrid[:side, :side]
    chin = points[8] - [0, 0.1 * iod_px]
    hill = np.exp(-(((x - chin[0]) ** 2 + (y - chin[1]) ** 2) / (2 * (0.3 * iod_px) ** 2)))
    flow = np.stack([np.zeros_like(hill), -0.05 * iod_px * hill], -1).astype(np.float32)
    found = canonical.field(flow, points)
    expected = canonical.field(
        cv2.resize(flow, GRID, interpolation=cv2.INTER_AREA) * np.float32(28 / side), mean_face.filling(GRID)
    )
    np.testing.assert_allclose(found, expected, atol=0.004)
    assert found[1].min() == pytest.approx(-0.05, abs=0.005)


def test_a_tilted_face_comes_upright() -> None:
    points = mean_face.filling((256, 256))
    flow = np.repeat(np.repeat(shown(12, "L")[0], 9, 1), 9, 2).transpose(1, 2, 0)
    flow = cv2.resize(flow, (256, 256)) * np.float32(256 / mean_face.FRAME)
    tilt = cv2.getRotationMatrix2D((128, 128), 20, 0.9)
    tilted = cv2.warpAffine(flow, tilt, (256, 256)) @ tilt[:, :2].T.astype(np.float32)
    tilted_points = (points @ tilt[:, :2].T + tilt[:, 2]).astype(np.float32)
    upright = canonical.field(np.ascontiguousarray(flow), points)
    found = canonical.field(np.ascontiguousarray(tilted, np.float32), tilted_points)
    assert np.abs(found - upright).max() < 0.15 * np.abs(upright).max()


def test_a_unit_that_moves_is_found(reader: Prior) -> None:
    report = scores.figures(reader, training.draw(77, 2000))
    assert report["fields"] == 2000
    assert report["auc_mean"] > 0.57
    assert report["side_auc"] > 0.6
    assert report["ece"] < 0.05


def test_a_score_is_the_probability_at_even_odds(reader: Prior) -> None:
    answers = reader.answer(shown(12, "R"))
    assert answers.scores(0).keys() == answers.probabilities(0).keys()
    assert all(score >= answers.probabilities(0)[code] for code, score in answers.scores(0).items())  # units are rare
    assert answers.scores(0)[45, None] == answers.scores(0)[43, None]
    assert {unit for unit, _ in answers.scores(0)} == {unit for unit in UNITS if observable(unit)}


def test_the_unit_of_a_field_does_not_matter_where_it_is_unknown(reader: Prior) -> None:
    field = shown(1, "R") + shown(2, "R")
    first, scaled = (reader.answer(field * factor, known=False) for factor in (1.0, 4096.0))
    np.testing.assert_allclose(first.listed, scaled.listed, atol=1e-4)
    np.testing.assert_allclose(4096 * first.amplitude, scaled.amplitude, rtol=1e-3, atol=1e-4)


def test_what_shows_no_expression_has_no_confident_unit(reader: Prior) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.003, (200, 2, *GRID)).astype(np.float32)
    y, x = np.mgrid[-1:1:28j, -1:1:28j].astype(np.float32)
    heads = np.stack([np.stack([a + b * x - c * y, d + b * y + c * x]) for a, b, c, d in rng.normal(0, 0.02, (200, 4))])
    for fields in (noise, np.asarray(heads + noise / 10, np.float32)):
        for known in (True, False):
            confident = [
                any(value > 0.5 for (unit, _), value in answers.items() if unit not in (43, 45))
                for answers in map(reader.answer(fields, known).probabilities, range(len(fields)))
            ]
            assert np.mean(confident) <= 0.02


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_constant_field_is_still(reader: Prior, constant: float) -> None:
    answers = reader.answer(np.full((2, 2, *GRID), constant, np.float32))
    assert not answers.listed.any()
    assert not answers.amplitude.any()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (np.zeros((2, *GRID)), r"expected shape \(n, 2, 28, 28\), got \(2, 28, 28\)"),
        (np.zeros((1, 2, 16, 16)), "got \\(1, 2, 16, 16\\)"),
        (np.full((1, 2, *GRID), np.nan), "expected finite values, got 1568 others"),
    ],
)
def test_bad_fields_are_refused(reader: Prior, fields: Fields, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reader.answer(fields)


def test_a_prior_comes_back_as_it_was_saved(reader: Prior, tmp_path: Path) -> None:
    reader.save(tmp_path / "prior")
    fields = shown(9, "R", count=3)
    for one, other in zip(reader.answer(fields), prior.load(tmp_path / "prior").answer(fields), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_prior_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no motion prior"):
        prior.load(tmp_path / "none")
    (tmp_path / prior.FILE).write_bytes(b"no tensors")
    with pytest.raises(DataError, match="cannot be read"):
        prior.load(tmp_path)


def test_broad_motion_that_a_unit_explains_is_no_noise() -> None:
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.normal(0, 0.001, (*GRID, 2)).astype(np.float32), (0, 0), 1).transpose(2, 0, 1)
    brows = np.sum([shown(unit, side)[0] for unit in (1, 2) for side in ("R", "L")], 0)
    broad = np.stack([cv2.GaussianBlur(component, (0, 0), 2) for component in brows]) + noise
    moved = np.array([output.unit in (1, 2) for output in layout.OUTPUTS])
    assert reconstruction.noise_share(broad, moved) < 0.7
    assert reconstruction.noise_share(broad, np.zeros_like(moved)) == 1.0
    assert reconstruction.noise_share(noise, moved) > 0.8  # nothing to explain
    assert reconstruction.noise_share(np.zeros_like(noise), moved) == 1.0


def test_a_regions_motion_is_explained_by_units_that_would_show_it(reader: Prior) -> None:
    flow = np.ascontiguousarray((shown(12, "R") + shown(1, "L"))[0].transpose(1, 2, 0)) * 10
    points = mean_face.filling(GRID)
    explained = {text: reader.explained(flow, points, facs.parse(text)) for text in ("12", "R12", "L12", "R12+1", "")}
    assert "right mouth corner" in explained["R12"] & explained["12"]
    assert not {"right mouth corner", "left inner brow"} & explained["L12"]
    assert "left inner brow" not in explained["R12"]
    assert {"right mouth corner", "left inner brow"} <= explained["R12+1"]
    assert not explained[""]


def test_closed_eyes_and_a_blink_explain_the_same_motion(reader: Prior) -> None:
    flow = np.ascontiguousarray((shown(43, "R") + shown(43, "L"))[0].transpose(1, 2, 0))
    closed, blink = (reader.explained(flow, mean_face.filling(GRID), facs.parse(text)) for text in ("43", "45"))
    assert {"right eye", "left eye"} <= closed == blink


def test_a_region_is_described_by_the_cells_at_its_middle() -> None:
    y, x = np.mgrid[:7, :7].astype(np.float32)
    described = dict(zip(regions.REGIONS, canonical.by_region(np.stack([x, y])), strict=True))
    assert described["right cheek"][0] < described["nose root"][0] < described["left cheek"][0]
    assert described["glabella"][1] < described["upper lip"][1] < described["chin"][1]
    cheeks = described["right cheek"] + described["left cheek"]
    np.testing.assert_allclose(cheeks, [6, 2 * described["right cheek"][1]], atol=0.02)  # mirrored about the middle


def test_what_is_read_holds_the_log_odds_of_every_unit(reader: Prior) -> None:
    points = mean_face.filling((128, 128))
    big = cv2.resize(shown(12, "R")[0].transpose(1, 2, 0), (128, 128)) * 50
    read = reader.read(big, points, known=True)
    assert set(read.log_odds) == set(layout.UNITS)
    likely = {unit for unit, log_odds in read.log_odds.items() if log_odds >= 0}
    assert likely == set(read.moved)
    assert read.embedding.shape == (64,)
    assert read.regions.shape == (len(regions.REGIONS), 64)


class Understanding(Prior):
    """Understands a field the better the closer its two hills lie to the mean face's brows and mouth."""

    def __init__(self) -> None:
        """Needs no network."""

    def answer(self, fields: Fields, known: bool = True) -> prior.Answers:
        brows, mouth = (mean_face.filling(GRID)[at].mean(0).round().astype(int) for at in ([21, 22], [51, 57]))
        lengths = np.abs(fields).sum(1)  # (n, 28, 28)
        near = [lengths[:, y, x] / lengths.max((1, 2)) for x, y in (brows, mouth)]
        likely = (np.minimum(*near) ** 8)[:, None].clip(0.01, 0.99)
        answers = prior.Answers(likely, likely, *(np.zeros((len(fields), 1), np.float32) for _ in range(7)))
        return answers._replace(upright=np.where(fields[:, 1].sum((1, 2)) > 0, 0.9, 0.1))  # chins alone move, down


def hills(place: registration.Registration) -> Fields:
    """A field (128, 128, 2) that moves at the brows and at the mouth of a face at this place."""
    points, (y, x) = place.points((128, 128)), np.mgrid[:128, :128]
    centres = (points[[21, 22]].mean(0), points[[51, 57]].mean(0))
    lengths = [np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 8**2)) for cx, cy in centres]
    return np.repeat(np.sum(lengths, 0)[..., None], 2, -1).astype(np.float32)


def test_faces_are_placed_where_the_other_subjects_motion_is_understood() -> None:
    low = registration.Registration(float(registration.SIZES[3]), 0.0, float(registration.DOWN[6]))
    high = registration.Registration(float(registration.SIZES[5]), 0.0, float(registration.DOWN[2]))
    subjects = ["one", *["two"] * 4, *["three"] * 4]
    found = registration.estimate([hills(high), *[hills(low)] * 8], subjects, Understanding())
    assert found == [low] * 9
    swapped = registration.estimate([hills(low), *[hills(high)] * 8], subjects, Understanding())
    assert swapped == [high] * 9  # not even the first subject's own field speaks for its place
    assert registration.ranges(swapped)["size"] == [round(high.size, 3)] * 2


def test_fields_that_are_upside_down_look_it() -> None:
    fields = 4 * [hills(registration.Registration(1.0, 0.0, 0.0))]
    odds = registration.upright(fields, ["one", "one", "two", "two"], Understanding())
    assert odds == {"as given": 2.2, "y negated": -2.2, "upside down": -2.2}
    flipped = registration.upright(
        [field * np.array([1, -1], np.float32) for field in fields], ["one", "one", "two", "two"], Understanding()
    )
    assert max(flipped, key=lambda name: flipped[name]) != registration.GIVEN


def test_the_fields_of_a_single_subject_lie_near_the_frame() -> None:
    (found,) = registration.estimate([hills(registration.Registration(0.8, 0.0, 0.1))], ["one"], Understanding())
    assert abs(np.log(found.size)) < 0.06
    assert abs(found.down) < 0.03


def test_a_blink_hides_the_lids() -> None:
    points = mean_face.filling((256, 256))
    flow = np.zeros((1, 256, 256, 2), np.float32)
    still = evidence.by_region(evidence.measure(flow, points, 1.0, (4.0, 10.0, 25.0)))
    likely: verification.Scores = {(unit, None): 0.9 for unit in (5, 7, 12)}
    judged = verification.verify(facs.parse("5+7+12"), still, likely, 0.7, hidden={5, 7}).aus
    assert [au.verdict for au in judged] == ["unobservable", "unobservable", "supported"]


def test_the_mean_face_is_symmetric() -> None:
    np.testing.assert_allclose(mean_face.POINTS[MIRROR] * [-1, 1], mean_face.POINTS, atol=0.03)


def test_the_calibration_error_is_that_of_the_hand() -> None:
    probabilities, moved = np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, True, True, True])
    assert scores._ece(probabilities, moved) == pytest.approx((0.9 + 0.1) / 4, abs=1e-4)
