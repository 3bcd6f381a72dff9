from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from deft.motion.tvl1 import flow, flow_sequence

SIZE = 192
Grey = NDArray[np.float32]


def face(size: int = SIZE) -> Grey:
    """The astronaut's head, (2 size, 2 size)."""
    grey = cv2.cvtColor(skimage.data.astronaut()[10:210, 120:320], cv2.COLOR_RGB2GRAY)
    resized: Grey = cv2.resize(grey, (2 * size, 2 * size), interpolation=cv2.INTER_AREA).astype(np.float32)
    return resized


def warped_pair(motion: Grey) -> tuple[Grey, Grey]:
    """(reference, target) with target(x + motion(x)) = reference(x)."""
    height, width, _ = motion.shape
    picture = face(max(height, width))
    y, x = np.mgrid[:height, :width].astype(np.float32) + height / 2
    reference: Grey = cv2.remap(picture, x + motion[..., 0], y + motion[..., 1], cv2.INTER_CUBIC)
    return reference, picture[height // 2 :, width // 2 :][:height, :width]


def shift(dx: float, dy: float, size: int = SIZE) -> Grey:
    return np.full((size, size, 2), (dx, dy), np.float32)


def bump(peak: tuple[float, float], sigma: float = 14.0) -> Grey:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    weight = np.exp(-((x - 80) ** 2 + (y - 100) ** 2) / (2 * sigma**2))
    moved: Grey = (weight[..., None] * np.array(peak)).astype(np.float32)
    return moved


def error(found: Grey, truth: Grey) -> float:
    """Mean endpoint error in pixels, less a rim of 6 px."""
    return float(np.linalg.norm(found - truth, axis=-1)[6:-6, 6:-6].mean())


def degraded(picture: Grey, seed: int, gain: float = 1.0) -> NDArray[np.uint8]:
    noisy = picture * gain + np.random.default_rng(seed).normal(0, 2, picture.shape)
    _, packed = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize("motion", [shift(0.3, 0.0), shift(-1.7, 0.8), shift(2.0, -3.0)])
def test_a_shift_is_recovered(motion: Grey) -> None:
    assert error(flow(*warped_pair(motion)), motion) < 0.08


@pytest.mark.parametrize("peak", [(0.0, -0.5), (1.0, 0.5), (-2.0, 2.0)])
def test_a_local_bump_is_recovered(peak: tuple[float, float]) -> None:
    motion = bump(peak)
    assert error(flow(*warped_pair(motion)), motion) < 0.05


def test_a_turned_and_nearer_head_is_recovered() -> None:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) - (SIZE - 1) / 2
    motion = np.stack([0.02 * x - 0.026 * y + 1, 0.026 * x + 0.02 * y - 2], axis=-1)
    assert error(flow(*warped_pair(motion)), motion) < 0.06


def test_noise_jpeg_and_gain_leave_a_small_error() -> None:
    motion = bump((1.5, -1.0)) + shift(1.0, 0.5)
    reference, target = warped_pair(motion)
    assert error(flow(degraded(reference, 1), degraded(target, 2, gain=1.03)), motion) < 0.1


def test_x_is_right_and_y_is_down() -> None:
    picture = face()
    moved_right_and_down = np.roll(picture, (1, 2), axis=(0, 1))
    right, down = np.median(flow(picture, moved_right_and_down), axis=(0, 1))
    assert right == pytest.approx(2, abs=0.05)
    assert down == pytest.approx(1, abs=0.05)


def test_gain_and_offset_do_not_matter() -> None:
    reference, target = warped_pair(bump((1.0, 1.0)))
    expected = flow(reference, target)
    np.testing.assert_allclose(flow(0.5 * reference + 40, 3 * target - 20), expected, atol=0.02)


@pytest.mark.parametrize("shape", [(28, 28), (28, 61), (97, 45), (300, 200), (1024, 1024)])
def test_any_size_from_28_px_keeps_its_shape(shape: tuple[int, int]) -> None:
    picture = face(max(shape))[: shape[0], : shape[1]]
    found = flow(picture, np.roll(picture, 1, axis=1))
    assert found.shape == (*shape, 2)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_28_px_motion_is_recovered() -> None:
    motion = shift(0.5, -0.3, size=28)
    assert float(np.linalg.norm(flow(*warped_pair(motion)) - motion, axis=-1)[3:-3, 3:-3].mean()) < 0.1


def test_a_small_bump_keeps_its_height() -> None:
    motion = bump((0.0, -0.8), sigma=10.0)
    moved = float((flow(*warped_pair(motion)) * motion).sum() / (motion * motion).sum())
    assert moved == pytest.approx(1, abs=0.1)


def test_identical_pictures_show_no_motion() -> None:
    picture = face()
    assert np.abs(flow(picture, picture)).max() < 1e-6


def test_constant_pictures_show_no_motion() -> None:
    flat = np.full((40, 40), 0.1)
    assert not flow(flat, flat).any()
    assert not flow(flat, np.random.default_rng(0).random((40, 40))).any()


def test_a_mostly_flat_picture_stays_calm() -> None:
    reference, target = np.full((64, 64), 90.0), np.full((64, 64), 90.0)
    reference[20:30, 20:30] = target[20:30, 21:31] = 200
    assert np.abs(flow(reference, target)).max() < 1.5


def test_the_same_pair_gives_the_same_bytes() -> None:
    reference, target = warped_pair(bump((1.0, 1.0)))
    assert flow(reference, target).tobytes() == flow(reference, target).tobytes()


def test_strided_and_read_only_pictures_are_accepted() -> None:
    reference, target = warped_pair(shift(1.0, 0.0))
    expected = flow(reference, target)
    wide = np.repeat(reference, 2, axis=1)
    turned = np.asfortranarray(target)
    turned.flags.writeable = False
    np.testing.assert_array_equal(flow(wide[:, ::2], turned), expected)


def swelling(frames: int) -> list[Grey]:
    """Frames of a bump that rises to 2 px and sinks again; the first is still."""
    return [frame_of(bump((0.0, -float(height)))) for height in 2 * np.sin(np.linspace(0, np.pi, frames))]


def frame_of(motion: Grey) -> Grey:
    """The face after a motion."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) + SIZE / 2
    frame: Grey = cv2.remap(face(), x - motion[..., 0], y - motion[..., 1], cv2.INTER_CUBIC)
    return frame


def test_a_sequence_is_the_flow_to_each_frame() -> None:
    frames = swelling(16)
    found = list(flow_sequence(frames))
    assert len(found) == 16
    assert not found[0].any()
    for frame, each in zip(frames[1:], found[1:], strict=True):
        assert each.dtype == np.float32
        assert np.linalg.norm(each - flow(frames[0], frame), axis=-1).mean() < 0.03


def test_a_sequence_survives_a_jump() -> None:
    frames = swelling(8)
    jumped = [*frames[:4], *(np.roll(frame, (6, -9), axis=(0, 1)) for frame in frames[4:])]
    for frame, each in zip(jumped[4:], list(flow_sequence(jumped))[4:], strict=True):
        assert np.linalg.norm(each - flow(jumped[0], frame), axis=-1)[16:-16, 16:-16].mean() < 0.05


def test_a_little_more_of_a_jump_never_changes_the_whole_flow() -> None:
    start = [frame_of(bump((0.0, 0.0))), frame_of(bump((0.05, -0.025), sigma=20))]
    heights = np.arange(1.4, 1.8, 0.02)  # the solver's start is given up somewhere among them
    found = [list(flow_sequence([*start, frame_of(bump((h, -h / 2), sigma=20))]))[-1] for h in heights]
    assert max(float(np.abs(after - before).max()) for before, after in pairwise(found)) < 0.06


def test_a_sequence_is_read_as_it_is_asked_for() -> None:
    read = []

    def frames() -> Iterator[Grey]:
        for number, frame in enumerate(swelling(6)):
            read.append(number)
            yield frame

    sequence = flow_sequence(frames())
    next(sequence)
    next(sequence)
    assert read == [0, 1]


def test_constant_frames_of_a_sequence_are_still() -> None:
    flat, frames = np.full((40, 40), 3.0), [frame[:40, :40] for frame in swelling(3)]
    assert not np.any(list(flow_sequence([flat, *frames])))
    found = list(flow_sequence([frames[0], flat, frames[1]]))
    assert not found[1].any()
    np.testing.assert_allclose(found[2], flow(frames[0], frames[1]), atol=0.05)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "frames: expected at least one picture, got none"),
        ([np.ones((40, 40)), np.ones((40, 41))], r"frame 1: expected the reference's shape \(40, 40\), got \(40, 41\)"),
        ([np.ones((1, 1))], r"frame 0: expected .* at least 28 px, got \(1, 1\)"),
        ([np.ones((40, 40)), np.full((40, 40), np.nan)], "frame 1: expected finite values, got 1600 NaN"),
    ],
)
def test_bad_sequences_are_refused(frames: list[Grey], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(flow_sequence(frames))


GOOD = np.random.default_rng(0).random((32, 32))
HOLED = np.where(GOOD > 0.99, np.nan, GOOD)


@pytest.mark.parametrize(
    ("reference", "target", "message"),
    [
        (GOOD, GOOD[:30], r"target: expected the reference's shape \(32, 32\), got \(30, 32\)"),
        (GOOD, np.zeros((32, 32, 3)), r"target: expected a grey picture .* got \(32, 32, 3\)"),
        (GOOD[:27], GOOD[:27], r"reference: expected .* at least 28 px, got \(27, 32\)"),
        (HOLED, GOOD, r"reference: expected finite values, got \d+ NaN"),
        (GOOD, GOOD * np.inf, r"target: expected finite values"),
        (GOOD.astype(complex), GOOD, r"reference: expected integers or floats, got complex128"),
    ],
)
def test_bad_pictures_are_refused(reference: Grey, target: Grey, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flow(reference, target)


def far_bump() -> Grey:
    """A corner of the mouth that moves by 16 px: farther than the coarse levels find by themselves."""
    return bump((14.0, -8.0), 12.0)


def test_a_guess_leads_where_the_pyramid_does_not_find_the_way() -> None:
    truth = far_bump()
    pair = warped_pair(truth)
    guess = truth + np.random.default_rng(0).normal(0, 0.4, (1, 1, 2)).astype(np.float32)
    unaided, led = (error(found, truth) for found in (flow(*pair), flow(*pair, guess)))
    assert led < 0.15
    assert led < unaided / 3


def test_a_guess_far_from_the_truth_is_no_worse_than_its_error() -> None:
    truth = bump((1.0, 0.5))
    wrong = flow(*warped_pair(truth), shift(1.5, 0.0))
    assert error(wrong, truth) < 0.2


def test_a_guess_of_another_shape_or_not_finite_is_refused() -> None:
    pair = warped_pair(shift(0.3, 0.0))
    with pytest.raises(ValueError, match=r"start: expected shape \(192, 192, 2\), got \(28, 28, 2\)"):
        flow(*pair, shift(0.0, 0.0, 28))
    with pytest.raises(ValueError, match="start: expected finite values, got 73728"):
        flow(*pair, shift(np.nan, np.nan))
