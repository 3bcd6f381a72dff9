import numpy as np
import pytest
from numpy.typing import NDArray

from deft.motion.compensation import compensate, stable_area

SIZE = 256
Floats = NDArray[np.float64]
Y, X = np.mgrid[:SIZE, :SIZE].astype(np.float64)
HEAD = np.array([[0.018, -0.025, 2.5], [0.025, 0.018, -1.5]])


def ellipse(center: tuple[float, float], radii: tuple[float, float], start: float, stop: float, count: int) -> Floats:
    turn = np.deg2rad(np.linspace(start, stop, count, endpoint=stop - start < 360))
    return np.stack([center[0] + radii[0] * np.cos(turn), center[1] + radii[1] * np.sin(turn)], axis=1)


def landmarks() -> Floats:
    """68 points of a plain frontal face; angles run clockwise on the screen, 0° to the right."""
    jaw = ellipse((128, 110), (75, 115), 180, 0, 17)
    brows = [ellipse((center, 96), (22, 10), 190, 350, 5) for center in (96, 160)]
    bridge = np.stack([np.full(4, 128.0), np.linspace(106, 140, 4)], axis=1)
    base = np.stack([np.linspace(114, 142, 5), np.full(5, 150.0)], axis=1)
    eyes = [ellipse((center, 110), (14, 6), 180, 540, 6) for center in (98, 158)]
    mouth = [ellipse((128, 178), (28, 10), 180, 540, 12), ellipse((128, 178), (22, 4), 180, 540, 8)]
    return np.concatenate([jaw, *brows, bridge, base, *eyes, *mouth])


def head_motion(head: Floats = HEAD) -> Floats:
    places = np.stack([X - (SIZE - 1) / 2, Y - (SIZE - 1) / 2, np.ones_like(X)], axis=-1)
    return places @ head.T


def expression(landmark: int, peak: tuple[float, float], sigma: float = 16.0) -> Floats:
    x, y = landmarks()[landmark]
    weight = np.exp(-((X - x) ** 2 + (Y - y) ** 2) / (2 * sigma**2))
    moved: Floats = weight[..., None] * np.array(peak)
    return moved


def stable() -> NDArray[np.bool_]:
    return stable_area(landmarks(), (SIZE, SIZE))


EXPRESSIONS = {
    "right mouth corner pulled": expression(48, (-2.0, -2.5)),
    "left brow raised": expression(24, (0.0, -3.0)),
    "right brow and corner": expression(19, (0.0, -2.0)) + expression(48, (-3.0, 0.0)),
    "smile": expression(48, (-1.5, -2.0), 20.0) + expression(54, (1.5, -2.0), 20.0),
    "frown": expression(48, (0.0, 2.0), 20.0) + expression(54, (0.0, 2.0), 20.0) + expression(20, (1.0, 2.0)),
    "cheek into the stable area": expression(48, (0.0, -3.0)) + expression(2, (1.0, -2.0)),
}


@pytest.mark.parametrize("moved", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_head_motion_goes_in_spite_of_an_expression(moved: Floats) -> None:
    flow = (head_motion() + moved).astype(np.float32)
    removed = flow - compensate(flow, stable()).flow
    assert np.linalg.norm(removed - head_motion(), axis=-1).mean() < 0.1 * np.linalg.norm(head_motion(), axis=-1).mean()


@pytest.mark.parametrize("moved", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_the_expression_stays(moved: Floats) -> None:
    left = compensate((head_motion() + moved).astype(np.float32), stable()).flow
    assert (left * moved).sum() / (moved * moved).sum() == pytest.approx(1, abs=0.05)


def test_head_holds_the_affine_motion_about_the_centre() -> None:
    found = compensate(head_motion().astype(np.float32), stable())
    np.testing.assert_allclose(found.head, HEAD, atol=1e-4)
    assert found.head.dtype == found.flow.dtype == np.float32


def depth() -> NDArray[np.float32]:
    """A rough head: the nose is nearest, and the skin curves away from it, in px."""
    x, y = landmarks()[30]
    return np.asarray(((X - x) ** 2 + (Y - y) ** 2) / (4 * SIZE), np.float32)


@pytest.mark.parametrize("turn", [(0.05, 0.0), (0.03, -0.06)])
def test_a_turn_in_depth_goes_if_the_depth_is_known(turn: tuple[float, float]) -> None:
    parallax = depth()[..., None] * np.array(turn)
    flow = (head_motion() + parallax + EXPRESSIONS["smile"]).astype(np.float32)
    flat, deep = compensate(flow, stable()), compensate(flow, stable(), depth())
    assert deep.residual < 0.3 * flat.residual
    assert np.linalg.norm(deep.flow - EXPRESSIONS["smile"], axis=-1)[stable()].mean() < 0.1


def test_a_depth_is_not_used_where_it_does_not_pay() -> None:
    """A head that did not turn is compensated to the last bit as if no depth were known."""
    noise = np.random.default_rng(0).normal(0, 0.2, (SIZE, SIZE, 2))
    flow = (head_motion() + noise).astype(np.float32)
    np.testing.assert_array_equal(compensate(flow, stable(), depth()).flow, compensate(flow, stable()).flow)


def test_residual_is_the_median_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (SIZE, SIZE, 2))
    found = compensate((head_motion() + noise).astype(np.float32), stable())
    assert found.residual == pytest.approx(0.1 * 1.1774, rel=0.1)


def test_no_motion_stays_no_motion() -> None:
    found = compensate(np.zeros((SIZE, SIZE, 2), np.float32), stable())
    assert not found.flow.any()
    assert found.residual == 0


def test_weights_of_zero_have_no_say() -> None:
    flow = head_motion().astype(np.float32)
    flow[:, 128:] += 5
    weights = np.zeros((SIZE, SIZE))
    weights[:, :128] = 0.5
    np.testing.assert_allclose(compensate(flow, weights).head, HEAD, atol=1e-4)


def test_28_px_flow_is_compensated() -> None:
    flow = np.full((28, 28, 2), (0.5, -0.2), np.float32)
    assert np.abs(compensate(flow, stable_area(landmarks() * 28 / SIZE, (28, 28))).flow).max() < 1e-4


def test_stable_area_leaves_out_what_expressions_move() -> None:
    mask, points = stable(), np.rint(landmarks()).astype(int)
    moving = points[[8, *range(17, 27), 31, 35, *range(36, 68)]]
    assert not mask[moving[:, 1], moving[:, 0]].any()


def test_stable_area_holds_the_bridge_and_both_sides() -> None:
    mask, points = stable(), landmarks()
    assert mask[round(points[28, 1]), round(points[28, 0])]
    for jaw in (2, 14):
        x, y = 0.9 * points[jaw] + 0.1 * points[28]
        assert mask[round(y), round(x)]


def test_stable_area_spans_most_of_the_face() -> None:
    rows, columns = np.nonzero(stable())
    assert np.ptp(columns) > 0.8 * np.ptp(landmarks()[:, 0])
    assert np.ptp(rows) > 0.8 * np.ptp(landmarks()[:, 1])


def test_bad_input_is_refused() -> None:
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    with pytest.raises(ValueError, match=r"flow: expected shape \(H, W, 2\), got \(256, 256\)"):
        compensate(flow[..., 0], stable())
    with pytest.raises(ValueError, match="flow: expected finite values, got 131072 NaN"):
        compensate(flow * np.nan, stable())
    with pytest.raises(ValueError, match=r"weights: expected the flow's shape \(256, 256\), got \(9, 9\)"):
        compensate(flow, np.ones((9, 9)))
    with pytest.raises(ValueError, match="weights: expected at least 3 grid points"):
        compensate(flow, np.zeros((SIZE, SIZE)))
    with pytest.raises(ValueError, match=r"points: expected 68 places \(68, 2\), got \(5, 2\)"):
        stable_area(np.zeros((5, 2)), (SIZE, SIZE))
    with pytest.raises(ValueError, match="no stable pixel"):
        stable_area(landmarks() + 1000, (SIZE, SIZE))
