"""Where a head is: the similarity between two sets of its points, in the picture or in space.

Source: Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", 1991.
"""

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]  # (2, 3)


def similarity(before: Doubles, after: Doubles, weights: Doubles) -> Matrix:
    """Return the similarity (2, 3) that brings points ``before`` nearest to ``after``, both (n, 2).

    weights: (n,), of the least squares.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> similarity(square, 2 * square + [3.0, 4.0], np.ones(4))
    array([[2., 0., 3.],
           [0., 2., 4.]])
    """
    linear, shift = _umeyama(before, after, weights)
    return np.hstack([linear, shift[:, None]])


def aligned(vertices: Doubles, reference: Doubles, weights: Doubles) -> Doubles:
    """Return vertices (n, 3) laid over a reference (n, 3) by a similarity in space; ``weights`` are (n,).

    What is left between the two is no motion of a rigid head, as far as the depth of both is right.
    """
    linear, shift = _umeyama(vertices, reference, weights)
    return np.asarray(vertices @ linear.T + shift)


def compose(after: Matrix, before: Matrix) -> Matrix:
    """Return the matrix (2, 3) that applies ``before``, then ``after``, both (2, 3)."""
    return np.asarray((_square(after) @ _square(before))[:2])


def inverse(matrix: Matrix) -> Matrix:
    """Return the inverse (2, 3) of a matrix (2, 3)."""
    return np.asarray(np.linalg.inv(_square(matrix))[:2])


def _square(matrix: Matrix) -> Doubles:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def _umeyama(before: Doubles, after: Doubles, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Return the linear part (d, d) and the shift (d,) of the similarity from points (n, d) to others."""
    share = weights[:, None] / weights.sum()
    middle, target = (share * before).sum(0), (share * after).sum(0)
    centred, wanted = before - middle, after - target
    left, sizes, right = np.linalg.svd(wanted.T @ (share * centred))
    signs = np.ones(len(sizes))
    signs[-1] = np.sign(np.linalg.det(left) * np.linalg.det(right))  # no mirror image
    scale = float((sizes * signs).sum() / max((share * centred**2).sum(), 1e-12))
    linear = scale * (left * signs) @ right
    return linear, target - linear @ middle
