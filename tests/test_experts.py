import numpy as np
import numpy.typing as npt
import pytest
from conftest import random_flow
from hypothesis import given
from hypothesis import strategies as st

from deft import experts
from deft.core.params import Features
from deft.experts import field, motion, structure, texture
from deft.face import Points
from deft.facs import regions
from deft.facs.units import EXPRESSIVE
from deft.media import Image
from deft.motion import evidence
from deft.motion.verification import Reading

NO_POINTS, NO_FLOWS = np.zeros((68, 2), np.float32), np.zeros((0, 0, 0, 2), np.float32)


def frames(count: int = 5) -> Image:
    """Random grey frames (count, 120, 120)."""
    return np.random.default_rng(0).integers(0, 256, (count, 120, 120)).astype(np.uint8)


def settings(grid: int = 6) -> Features:
    return Features(
        structure="default", texture="default", motion="default", field="default", grid=grid, tokens=1, batch=1
    )


def structured(crop: Image, points: Points, grid: int) -> experts.Tokens:
    return structure.tokens(experts.Clip([crop], points, NO_FLOWS, 0.0), settings(grid))


def reading(seed: int = 0) -> Reading:
    """What a prior might say of a field."""
    rng = np.random.default_rng(seed)
    log_odds = dict(zip(EXPRESSIVE, rng.normal(-3, 1, len(EXPRESSIVE)).tolist(), strict=True))
    embedding, cells = (rng.normal(0, 1, shape).astype(np.float32) for shape in ((64,), (len(regions.REGIONS), 64)))
    return Reading({}, frozenset(), frozenset(), 1.0, log_odds, embedding, cells)


def moving(flows: npt.NDArray[np.float32], points: Points, noise_px: float) -> experts.Tokens:
    return motion.tokens(experts.Clip([], points, flows, noise_px), settings())


@pytest.mark.parametrize("name", experts.NAMES)
def test_an_expert_says_what_it_needs(name: str) -> None:
    module = experts.expert(name)
    assert module.NEEDS
    assert not module.NEEDS - {"onset", "crops", "flow"}
    assert all(not more - {"reading"} for more in module.OWN.values())
    assert experts.needs(name, settings()) == module.NEEDS | module.OWN["default"]


def test_an_unknown_expert_is_refused() -> None:
    with pytest.raises(ValueError, match="expert: found 'colour', expected one of structure, texture, motion, field"):
        experts.expert("colour")


def test_an_expert_encodes_a_clip_from_what_it_needs_alone(crop: Image, points: Points) -> None:
    flows = random_flow(0)[None]
    whole = experts.Clip([crop, crop[::-1], crop], points, flows, 0.1, reading())
    parts = {
        "structure": whole._replace(crops=[crop], flows=NO_FLOWS, reading=None),
        "texture": whole._replace(flows=NO_FLOWS, points=NO_POINTS, reading=None),
        "motion": whole._replace(crops=[], reading=None),
        "field": whole._replace(crops=[], points=NO_POINTS),
    }
    for name, part in parts.items():
        (from_whole,), (from_part,) = (
            experts.tokens(name, [whole], settings()),
            experts.tokens(name, [part], settings()),
        )
        np.testing.assert_array_equal(from_whole, from_part)


@pytest.mark.parametrize("grid", [1, 2, 6])
def test_structure_is_geometry_and_gradients(crop: Image, points: Points, grid: int) -> None:
    block = min(2, grid)
    cells = (grid - block + 1) ** 2 * block**2 * 8
    tokens = structured(crop, points, grid)
    assert tokens.shape == (1, 136 + cells)
    assert tokens.dtype == np.float32
    assert np.isfinite(tokens).all()


def test_geometry_does_not_depend_on_place_size_and_tilt(crop: Image, points: Points) -> None:
    sine, cosine = np.sin(0.3), np.cos(0.3)
    tilted = (points @ np.array([[cosine, sine], [-sine, cosine]]) * 1.4 + 30).astype(np.float32)
    here, there = (structured(crop, p, 2)[0, :136] for p in (points, tilted))
    np.testing.assert_allclose(here, there, atol=1e-4)


@pytest.mark.parametrize("grid", [1, 2, 6])
@pytest.mark.parametrize("count", [3, 6])
def test_texture_is_a_histogram_a_plane_and_block(grid: int, count: int) -> None:
    tokens = texture.lbp_top(frames(count), grid)
    assert tokens.shape == (1, 3 * 59 * grid**2)
    assert tokens.dtype == np.float32
    np.testing.assert_allclose((tokens**2).reshape(grid**2, 3, 59).sum(-1), 1, atol=1e-5)


def test_there_are_fifty_nine_uniform_bins() -> None:
    bins = texture._uniform_bins()
    assert np.unique(bins).size == 59
    assert np.bincount(bins)[:58].tolist() == [1] * 58
    assert np.bincount(bins)[58] == 256 - 58


def test_a_flat_clip_has_one_pattern() -> None:
    tokens = texture.lbp_top(np.full((4, 96, 96), 9, np.uint8), 1)
    assert np.count_nonzero(tokens) == 3


def test_texture_tells_a_moving_clip_from_a_still_one() -> None:
    still = np.repeat(frames(1), 5, 0)
    moving = np.stack([np.roll(still[0], step, 1) for step in range(5)])
    one, other = (texture.lbp_top(clip, 1).reshape(3, 59) for clip in (still, moving))
    assert np.abs(one[0] - other[0]).max() < 0.1
    assert np.abs(one[1] - other[1]).max() > 0.2


def test_motion_is_a_token_a_region(points: Points) -> None:
    flows = np.stack([random_flow(0) / 2, random_flow(0)])
    tokens = moving(flows, points, evidence.noise(flows[-1], points))
    assert tokens.shape == (len(regions.REGIONS), 14)
    assert tokens.dtype == np.float32
    assert np.isfinite(tokens).all()


@given(st.floats(1e-5, 1e5), st.integers(0, 5))
def test_motion_does_not_depend_on_the_flows_unit(points: Points, factor: float, seed: int) -> None:
    flows = np.stack([random_flow(seed) / 2, random_flow(seed)])
    scaled = (flows * factor).astype(np.float32)
    here, there = (moving(f, points, evidence.noise(f[-1], points)) for f in (flows, scaled))
    np.testing.assert_allclose(here, there, atol=2e-3)


def test_motion_with_the_prior_has_its_embedding_behind_the_evidence(points: Points) -> None:
    flows = random_flow(0)[None]
    whole = experts.Clip([], points, flows, evidence.noise(flows[-1], points), reading())
    with_prior = settings().model_copy(update={"motion": "prior"})
    (plain,), (both,) = (experts.tokens("motion", [whole], choice) for choice in (settings(), with_prior))
    np.testing.assert_array_equal(both, np.hstack([plain, reading().regions]))


def test_the_field_is_log_odds_embedding_and_cells_in_no_unit(points: Points) -> None:
    flow, said = random_flow(0), reading()
    one, other = (field.tokens(experts.Clip([], points, f[None], 0.1, said), settings()) for f in (flow, 100 * flow))
    assert one.shape == (1, len(EXPRESSIVE) + 64 + 2 * 28 * 28)
    assert one.dtype == np.float32
    np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(one[0, : len(EXPRESSIVE)], [said.log_odds[unit] for unit in EXPRESSIVE], rtol=1e-6)
    cells = one[0, len(EXPRESSIVE) + 64 :].reshape(2, -1)
    assert np.hypot(*cells).max() == pytest.approx(1)


def test_a_still_field_is_zero() -> None:
    assert not field.small(np.zeros((64, 64, 2), np.float32)).any()


def test_a_still_clip_has_no_motion(points: Points) -> None:
    assert not moving(np.zeros((2, 256, 256, 2), np.float32), points, 0.0).any()


def test_the_same_clip_gives_the_same_tokens(crop: Image, points: Points) -> None:
    whole = experts.Clip([crop, crop[::-1], crop], points, random_flow(1)[None], 0.1, reading())
    for name in experts.NAMES:
        (once,), (again,) = experts.tokens(name, [whole], settings(3)), experts.tokens(name, [whole], settings(3))
        np.testing.assert_array_equal(once, again)
