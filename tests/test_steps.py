import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deft.face import Points
from deft.media import Image, pictures
from deft.motion import compensation, evidence, steps

THRESHOLDS = (4.0, 10.0, 25.0)


@given(st.sets(st.integers(0, 40), min_size=2), st.integers(1, 5), st.data())
def test_steps_are_kept_frames_up_to_the_apex(kept: set[int], count: int, data: st.DataObject) -> None:
    onset, apex = sorted(data.draw(st.lists(st.sampled_from(sorted(kept)), min_size=2, max_size=2)))
    found = steps.positions(kept, onset, apex, count)
    assert found[-1] == apex
    assert found == sorted(set(found))
    assert set(found) <= kept
    assert len(found) <= count
    assert onset not in found[:-1]


def test_steps_are_evenly_spread() -> None:
    assert steps.positions(range(31), 0, 30, 3) == [10, 20, 30]
    assert steps.positions([0, 12, 18, 30], 0, 30, 3) == [12, 18, 30]


def test_an_apex_that_is_the_onset_is_still(crop: Image, points: Points) -> None:
    grey = pictures.grey(crop)
    (step,) = steps.measure({4: grey}, points, 4, steps.positions([4], 4, 4, 3))
    assert not step.flow.any()
    assert step.residual_px == step.noise_px == 0
    found = evidence.measure(step.flow[None], points, step.noise_px, THRESHOLDS)
    assert {seen.level for seen in found} == {"none"}
    assert np.isfinite([value for seen in found for value in seen if isinstance(value, float)]).all()


def test_two_frames_are_enough(crop: Image, points: Points) -> None:
    grey = pictures.grey(crop)
    (step,) = steps.measure({0: grey, 1: np.roll(grey, 2, axis=1)}, points, 0, steps.positions([0, 1], 0, 1, 3))
    assert step.position == 1
    assert step.head[0, 2] == pytest.approx(2, abs=0.05)
    assert np.median(np.abs(step.flow)) < 0.05


@pytest.mark.parametrize("shift", [(-150.0, 0.0), (0.0, 120.0), (160.0, -100.0)])
def test_landmarks_partly_outside_the_picture_leave_no_gaps(
    crop: Image, points: Points, shift: tuple[float, float]
) -> None:
    grey, moved = pictures.grey(crop), (points + np.asarray(shift, np.float32))
    (step,) = steps.measure({0: grey, 1: np.roll(grey, 1, axis=0)}, moved, 0, [1])
    found = evidence.measure(step.flow[None], moved, step.noise_px, THRESHOLDS)
    assert len(found) == 17
    assert np.isfinite([value for seen in found for value in seen if isinstance(value, float)]).all()


def test_landmarks_outside_the_picture_are_refused(crop: Image, points: Points) -> None:
    grey = pictures.grey(crop)
    with pytest.raises(ValueError, match=r"points: expected a face inside the picture \(256, 256\), got no stable"):
        steps.measure({0: grey, 1: grey}, points + 1000, 0, [1])


def test_landmarks_in_one_place_are_refused(points: Points) -> None:
    with pytest.raises(ValueError, match="points: expected finite places of a face, got both eyes in one place"):
        compensation.stable_area(np.ones_like(points), (256, 256))
    with pytest.raises(ValueError, match="points: expected finite places of a face, got 136 NaN or infinite"):
        evidence.measure(np.zeros((1, 256, 256, 2), np.float32), points * np.nan, 0.0, THRESHOLDS)


def test_uncompensated_motion_keeps_the_heads(crop: Image, points: Points) -> None:
    grey = pictures.grey(crop)
    (step,) = steps.measure({0: grey, 1: np.roll(grey, 2, axis=1)}, points, 0, [1], compensated=False)
    assert not step.head.any()
    assert np.median(step.flow[..., 0]) == pytest.approx(2, abs=0.05)
    assert step.residual_px == pytest.approx(2, abs=0.1)


def test_a_field_as_given_keeps_the_heads_motion_too(points: Points) -> None:
    field = np.full((256, 256, 2), 3.0, np.float32)
    assert steps.from_field(field, points, 0, compensated=False).flow is field
    assert np.abs(steps.from_field(field, points, 0).flow).max() < 0.01
