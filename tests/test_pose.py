import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from deft.face import pose

RNG = np.random.default_rng(0)


def test_a_similarity_is_recovered() -> None:
    points = RNG.normal(0, 40, (30, 2))
    matrix = np.array([[0.9, -0.3, 12.0], [0.3, 0.9, -4.0]])
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(pose.similarity(points, moved, np.ones(30)), matrix, atol=1e-9)


def test_points_without_weight_have_no_say() -> None:
    points = RNG.normal(0, 40, (30, 2))
    moved = points + [3.0, 1.0]
    moved[20:] += 50
    found = pose.similarity(points, moved, np.repeat([1.0, 0.0], [20, 10]))
    np.testing.assert_allclose(found, [[1, 0, 3], [0, 1, 1]], atol=1e-9)


def test_a_head_that_turns_in_space_is_laid_over_itself() -> None:
    """What then is left is the expression, in the reference's axes."""
    head = RNG.normal(0, 40, (60, 3))
    expression = np.zeros_like(head)
    expression[50:] = [0.0, -4.0, 1.0]
    turn = Rotation.from_euler("yxz", [12, -8, 5], degrees=True)
    moved = 1.1 * turn.apply(head + expression) + [30.0, -12.0, 7.0]
    weights = np.repeat([1.0, 0.0], [50, 10])
    np.testing.assert_allclose(pose.aligned(moved, head, weights) - head, expression, atol=1e-9)


def test_a_mirror_image_is_no_turn() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    found = pose.similarity(points, points * [-1, 1], np.ones(3))
    assert np.linalg.det(found[:, :2]) > 0


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_an_inverse_undoes(angle: float) -> None:
    matrix = np.array([[np.cos(angle), -np.sin(angle), 3.0], [np.sin(angle), np.cos(angle), -2.0]])
    np.testing.assert_allclose(pose.compose(pose.inverse(matrix), matrix), np.eye(2, 3), atol=1e-12)
