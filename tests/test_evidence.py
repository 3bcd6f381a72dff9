import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from conftest import random_flow
from hypothesis import given
from hypothesis import strategies as st

from deft.face import Points
from deft.facs import regions, words
from deft.motion import evidence
from deft.motion.evidence import Evidence

THRESHOLDS = (3.0, 5.0, 10.0)
SHAPE = (256, 256)
Flow = npt.NDArray[np.float32]


def uniform(x: float, y: float) -> Flow:
    return np.full((*SHAPE, 2), (x, y), np.float32)


def measured(flow: Flow, points: Points, level: float = 0.1) -> dict[str, Evidence]:
    steps = flow if flow.ndim == 4 else flow[None]
    found = dict(evidence.by_region(evidence.measure(steps, points, level, THRESHOLDS)))
    assert tuple(found) == regions.REGIONS
    return found


def parted(points: Points, region: str, by: float) -> Flow:
    """A region's lower half goes down by half of ``by`` pixels, its upper half up."""
    mask, flow = evidence.masks(points, SHAPE)[region], uniform(0, 0)
    middle = np.median(np.nonzero(mask)[0])
    below = np.arange(SHAPE[0])[:, None] > middle
    flow[..., 1] = np.where(mask, np.where(below, by / 2, -by / 2), 0)
    return flow


def parted_lips(points: Points, by: float) -> Flow:
    masks, flow = evidence.masks(points, SHAPE), uniform(0, 0)
    flow[masks["upper lip"], 1] = -by / 2
    flow[masks["lower lip"] & ~masks["upper lip"], 1] = by / 2
    return flow


@pytest.mark.parametrize("octant", range(8))
def test_directions_are_said_from_the_subject(points: Points, octant: int) -> None:
    """The same picture direction is "out" on one side of the face and "in" on the other."""
    face = regions.axes(points)
    angle = octant * math.pi / 4
    x, y = math.sin(angle) * face.left - math.cos(angle) * face.down  # clockwise from up in the picture
    for region, seen in measured(uniform(x, y), points).items():
        if regions.place(region) == "eye":
            continue  # lids only go up and down
        mirrored = regions.side(region) == "R"
        assert seen.direction == words.directions(region)[-octant % 8 if mirrored else octant], region


@pytest.mark.parametrize(
    ("region", "expected"),
    [("right mouth corner", "in"), ("left mouth corner", "out"), ("nose root", "left"), ("right cheek", "in")],
)
def test_a_motion_to_the_pictures_right(points: Points, region: str, expected: str) -> None:
    assert measured(uniform(1, 0), points)[region].direction == expected


@given(st.floats(-0.8, 0.8))
def test_up_is_the_faces_own(points: Points, angle: float) -> None:
    sine, cosine = math.sin(angle), math.cos(angle)
    tilted = ((points - 128) @ np.array([[cosine, sine], [-sine, cosine]]) + 128).astype(np.float32)
    face = regions.axes(tilted)
    seen = measured(uniform(*-face.down), tilted)
    assert {found.direction for found in seen.values()} == {"up"}
    assert all(found.up == pytest.approx(1, abs=1e-3) for found in seen.values() if found.magnitude)


@pytest.mark.parametrize(("by", "word"), [(2.0, "opening"), (-2.0, "closing")])
@pytest.mark.parametrize("region", ["right eye", "left eye"])
def test_eyes_open_and_close(points: Points, region: str, by: float, word: str) -> None:
    seen = measured(parted(points, region, by), points)
    assert seen[region].direction == word
    assert seen[region].divergence == pytest.approx(by, rel=0.05)
    assert seen[region].level == "strong"


@pytest.mark.parametrize(("by", "word"), [(2.0, "opening"), (-2.0, "closing")])
def test_lips_open_and_close(points: Points, by: float, word: str) -> None:
    seen = measured(parted_lips(points, by), points)
    assert seen["upper lip"].direction == seen["lower lip"].direction == word
    assert seen["lower lip"].divergence == pytest.approx(by, rel=0.1)


def test_lips_that_move_together_do_not_open(points: Points) -> None:
    seen = measured(uniform(0, 1), points)
    assert seen["upper lip"].direction == seen["lower lip"].direction == "down"
    assert abs(seen["upper lip"].divergence) < 1e-5


def test_a_still_clip_shows_nothing(points: Points) -> None:
    flow = uniform(0, 0)
    assert evidence.noise(flow, points) == 0
    for seen in measured(flow, points, 0.0).values():
        assert seen.level == "none"
        assert np.isfinite([value for value in seen if isinstance(value, float)]).all()
        assert seen.z == seen.magnitude == 0


@given(st.floats(1e-6, 1e6), st.integers(0, 5))
def test_evidence_does_not_depend_on_the_flows_unit(points: Points, factor: float, seed: int) -> None:
    flow = random_flow(seed)
    scaled = (flow * factor).astype(np.float32)
    before = measured(flow, points, evidence.noise(flow, points))
    after = measured(scaled, points, evidence.noise(scaled, points))
    for region, seen in before.items():
        assert (after[region].level, after[region].direction) == (seen.level, seen.direction)
        assert after[region].peak == seen.peak
        assert after[region].z == pytest.approx(seen.z, rel=1e-3)


@pytest.mark.parametrize(("z", "level"), [(1, "none"), (4, "slight"), (7, "clear"), (20, "strong")])
def test_levels_are_multiples_of_the_clips_noise(points: Points, z: float, level: str) -> None:
    seen = measured(uniform(0, -0.2 * z), points, 0.2)
    assert {found.level for found in seen.values()} == {level}


def test_noise_is_the_deviation_of_a_region_sized_mean(points: Points) -> None:
    size = round(0.25 * regions.axes(points).iod)
    found = [
        evidence.noise(np.random.default_rng(seed).normal(0, 1, (*SHAPE, 2)).astype(np.float32), points)
        for seed in range(8)
    ]
    assert np.mean(found) == pytest.approx(1 / size, rel=0.1)


def test_an_expression_hardly_changes_the_noise(points: Points) -> None:
    still = np.random.default_rng(0).normal(0, 1, (*SHAPE, 2)).astype(np.float32)
    smile = still.copy()
    for region in ("right mouth corner", "left mouth corner"):
        smile[evidence.masks(points, SHAPE)[region]] += [0, -3]
    assert evidence.noise(smile, points) < 1.5 * evidence.noise(still, points)


@pytest.mark.parametrize(("strongest", "word"), [(0, "early"), (1, "midway"), (2, "late")])
def test_timing_tells_when_a_motion_is_largest(points: Points, strongest: int, word: str) -> None:
    steps = np.stack([uniform(0, -2 if step == strongest else -1) for step in range(3)])
    assert {seen.timing for seen in measured(steps, points).values()} == {word}


def test_rise_is_when_half_of_the_motion_is_there(points: Points) -> None:
    steps = np.stack([uniform(0, -length) for length in (0.2, 0.8, 1.0)])
    for seen in measured(steps, points).values():
        assert seen.rise == pytest.approx((1 + 0.5) / 3, abs=1e-3)  # half way between the first step and the second
        assert seen.peak == pytest.approx(1)


@pytest.mark.parametrize("sideways", [-2.0, 2.0])
def test_gaze_is_no_evidence(points: Points, sideways: float) -> None:
    flow, face = uniform(0, 0), regions.axes(points)
    for eye in ("right eye", "left eye"):  # the eyeball's motion smears over the lids, a little of it up and down
        flow[evidence.masks(points, SHAPE)[eye]] = sideways * face.left + 0.1 * face.down
    found = measured(flow, points, 0.02)
    assert {found[eye].level for eye in ("right eye", "left eye")} == {"none"}


def test_between_the_lids_nothing_counts(points: Points) -> None:
    flow = uniform(0, 0)
    lids = np.zeros(SHAPE, np.uint8)
    for eye in (regions.RIGHT_EYE, regions.LEFT_EYE):
        cv2.fillConvexPoly(lids, np.rint(points[eye] * 16).astype(np.int32), 1, shift=4)
    flow[cv2.erode(lids, np.ones((3, 3), np.uint8)).astype(bool)] = (0, 3)
    assert {found.level for found in measured(flow, points, 0.02).values()} == {"none"}


@given(st.integers(0, 1000))
def test_values_stay_within_their_ranges(points: Points, seed: int) -> None:
    flow = random_flow(seed)
    for seen in measured(flow, points, evidence.noise(flow, points)).values():
        assert 0 <= seen.concentration <= 1 + 1e-6
        assert 0 < seen.peak <= 1
        assert seen.direction in (*words.directions(seen.region), *words.OPENING)
        assert seen.magnitude == pytest.approx(math.hypot(seen.out, seen.up), rel=1e-3, abs=1e-6)


def test_evidence_of_a_face_partly_outside_the_picture_is_finite(points: Points) -> None:
    found = evidence.measure(uniform(1, 1)[None, :150], points, 0.1, THRESHOLDS)
    assert len(found) == 17
    assert np.isfinite([value for seen in found for value in seen if isinstance(value, float)]).all()
    assert found[-1].level == "none"


def test_regions_of_a_mirrored_flow_swap_sides(points: Points) -> None:
    flow = random_flow(3)
    flipped = np.ascontiguousarray(flow[:, ::-1] * [-1, 1]).astype(np.float32)
    mirrored = (points[regions.MIRROR] * [-1, 1] + [SHAPE[1] - 1, 0]).astype(np.float32)
    here, there = measured(flow, points), measured(flipped, mirrored)
    for region, seen in here.items():
        swap = {"R": "left", "L": "right"}.get(regions.side(region) or "")
        other = there[f"{swap} {regions.place(region)}" if swap else region]
        assert other.up == pytest.approx(seen.up, abs=0.05)
        assert other.out == pytest.approx(seen.out if swap else -seen.out, abs=0.05)
