"""Skin that moves by many pixels: the mesh leads, and flow refines."""

import cv2
import numpy as np
import numpy.typing as npt

from deft import measure
from deft.core.params import Flow
from deft.face import Points, far
from deft.media import Image, pictures
from deft.motion import tvl1

FLOW = Flow(steps=1, compensated=True)


def smiling(crop: Image, points: Points, px: float) -> tuple[Image, npt.NDArray[np.float32]]:
    """Return the crop (256, 256, 3) with both corners of the mouth pulled out and up by ``px``, and that motion."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    source = np.stack([x, y], -1)
    motion = np.zeros((256, 256, 2), np.float32)
    for corner, out in ((48, -1.0), (54, 1.0)):
        weight = np.exp(-((x - points[corner, 0]) ** 2 + (y - points[corner, 1]) ** 2) / (2 * 18.0**2))
        motion += px * weight[..., None] * np.array([0.75 * out, -0.65], np.float32)
    for _ in range(30):  # the inverse of x + motion(x), by fixed-point iteration
        source = np.stack([x, y], -1) - cv2.remap(motion, source, None, cv2.INTER_LINEAR)
    return np.asarray(cv2.remap(crop, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)), motion


def at_corners(field: npt.NDArray[np.float32], points: Points) -> npt.NDArray[np.float32]:
    columns, rows = np.rint(points[[48, 54]]).astype(int).T
    return np.asarray(field[rows, columns])


def test_a_broad_smile_is_measured(crop: Image, points: Points) -> None:
    smile, motion = smiling(crop, points, 14.0)
    (step,) = measure.flow({0: crop, 1: smile}, points, 0, [1], FLOW)
    missed = np.hypot(*(at_corners(step.flow, points) - at_corners(motion, points)).T)
    assert missed.max() < 5  # of 14 px


def test_a_broad_smile_has_a_guess_that_points_where_it_goes(crop: Image, points: Points) -> None:
    smile, motion = smiling(crop, points, 14.0)
    guess = far.guesses({0: crop, 1: smile}, 0, [1])[1]
    found, truth = at_corners(guess, points), at_corners(motion, points)
    assert np.all((found * truth).sum(1) > 0.5 * (truth**2).sum(1))


def test_a_micro_expression_needs_no_guess(crop: Image, points: Points) -> None:
    """Its flow is the same to the last bit, as if there were no mesh."""
    smile, _ = smiling(crop, points, 2.0)
    assert far.guesses({0: crop, 1: smile}, 0, [1]) == {}
    (step,) = measure.flow({0: crop, 1: smile}, points, 0, [1], Flow(steps=1, compensated=False))
    grey = [pictures.grey(image) for image in (crop, smile)]
    np.testing.assert_array_equal(step.flow, tvl1.flow(grey[0], grey[1]).astype(np.float16).astype(np.float32))


def test_a_picture_without_a_face_gives_no_guess(crop: Image) -> None:
    blank = np.full_like(crop, 90)
    assert far.guesses({0: crop, 1: blank}, 0, [1]) == {}
    assert far.guesses({0: blank, 1: crop}, 0, [1]) == {}
