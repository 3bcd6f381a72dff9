"""Subjects: the portrait reshaped, recoloured and relit into different people."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deft.render.portrait import HEIGHT, LANDMARKS, MIRROR, SCALE, WIDTH, Array, polygon, portrait, soften
from deft.render.shapes import proportions, warp

# Mean skin and hair colours (sRGB grey levels), fair to dark; a subject lies between two neighbours.
_SKIN = np.array(
    [[226, 190, 166], [220, 180, 152], [206, 162, 132], [182, 136, 104], [146, 102, 75], [110, 75, 56]], float
)
_HAIR = np.array([[30, 27, 26], [44, 34, 29], [66, 48, 36], [98, 73, 51], [128, 112, 98]], float)
_PORTRAIT_SKIN = np.array([222, 190, 164], np.float32)
_PORTRAIT_HAIR = np.array([122, 103, 72], np.float32)


class Subject(NamedTuple):
    """A person: a picture, (960, 1280, 3) uint8 BGR at twice the frame's size, and its landmarks, (68, 2) frame px."""

    picture: NDArray[np.uint8]
    landmarks: Array


@lru_cache(maxsize=4)
def subject(seed: int, number: int) -> Subject:
    """Return subject `number` of the corpus with this seed; the same numbers give the same person."""
    rng = np.random.default_rng([seed, number])
    known, moved = proportions(rng)
    points, grid = moved[:68], warp(known, moved)
    layers = (_recolour(rng), portrait().skin, _beard(rng))
    picture, skin, beard = (
        cv2.remap(layer, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for layer in layers
    )
    picture = _brows(picture, points, rng)
    picture = picture * (1 + _texture(skin, points, rng) + _shadow(skin * beard, rng))
    picture = picture * _light(rng)
    if rng.random() < 0.5:
        picture, points = picture[:, ::-1], (WIDTH - 1, 0) + points[MIRROR] * (-1, 1)
    levels = np.clip(np.round(picture[..., ::-1]), 0, 255).astype(np.uint8)
    return Subject(np.ascontiguousarray(levels), points.astype(np.float32))


def _between(colours: Array, share: float) -> Array:
    """Return the colour (3,) at a share in [0, 1] of the way along a list of colours (n, 3), interpolated."""
    index = share * (len(colours) - 1)
    return np.array([np.interp(index, np.arange(len(colours)), channel) for channel in colours.T], np.float32)


def _recolour(rng: Generator) -> Array:
    """Return the portrait with another skin, hair and backdrop, and no teeth, RGB (960, 1280, 3) float32."""
    base = portrait()
    dark = rng.uniform(0, 1)
    tone = _between(_SKIN, dark) * rng.normal(1, [0.01, 0.012, 0.02]).astype(np.float32)
    # Darker skin goes with darker hair, as in any population.
    hair = _between(_HAIR, rng.uniform(0, 1) * (1 - 0.8 * dark))

    ratio = base.picture / _PORTRAIT_SKIN
    shine = np.clip(ratio.min(-1, keepdims=True) - 1, 0, None) * 60 * dark
    layers = [
        (base.eyes, base.picture * np.float32(0.9 - 0.22 * dark)),
        (base.hair, hair * (base.picture / _PORTRAIT_HAIR).mean(-1, keepdims=True) ** rng.uniform(0.7, 1.0)),
        (base.skin, tone * ratio ** rng.uniform(0.85, 1.1) + shine),
        (base.mouth, tone * np.array([0.34, 0.20, 0.20], np.float32)),
    ]
    grey = base.picture.mean(-1, keepdims=True)
    out = (0.9 * grey + 0.1 * base.picture) * rng.uniform(0.55, 1.0) * rng.normal(1, 0.022, 3)
    for mask, layer in layers:
        out += mask[..., None] * (layer - out)
    return np.asarray(out, np.float32)


def _beard(rng: Generator) -> Array:
    """Draw how strongly a shaven beard darkens the portrait, (960, 1280) in [0, 1]; half of the subjects have none."""
    strength = max(0.0, rng.uniform(-1, 1))
    upper = [(404, 290), (380, 292), (362, 281), (345, 273), (320, 277), (297, 273), (282, 279), (262, 290), (240, 290)]
    area = polygon(np.concatenate([LANDMARKS[4:13], upper]), 9) * (1 - polygon(LANDMARKS[48:60], 1.5))
    return np.asarray(strength * area, np.float32)


def _shadow(beard: Array, rng: Generator) -> Array:
    """Draw the relative change of colour by a beard, (960, 1280, 3)."""
    grain = 1 + 0.2 * _band(rng, 0.5, 1.2)
    return np.asarray((beard * grain)[..., None] * np.array([-0.13, -0.11, -0.08], np.float32))


def _brows(picture: Array, points: Array, rng: Generator) -> Array:
    """Return the picture (960, 1280, 3) with denser brows, drawn hair by hair over the portrait's thin ones."""
    layer = np.zeros(picture.shape[:2], np.float32)
    thick_px, hairs, depth = rng.uniform(1, 4.5), int(rng.uniform(90, 240)), rng.uniform(0.4, 0.75)
    for brow in (points[17:22], points[26:21:-1]):
        outward = np.sign(brow[0, 0] - brow[4, 0])
        for along in rng.uniform(0, 4, hairs):  # in landmarks, from the temple
            on_line = np.array([np.interp(along, np.arange(5), brow[:, axis]) for axis in range(2)])
            root = on_line + rng.normal(0, 0.3, 2)
            root[1] += rng.uniform(-0.15, 0.85) * thick_px * min(1.0, 0.3 + along / 2.5)  # thinner toward the temple
            rise = 0.35 * (along - 1.6) + rng.normal(0, 0.25)  # upright hairs at the nose, lying ones outside
            tip = root + rng.uniform(1.5, 3.5) * np.array([outward, -rise])
            ends = [np.round((end * SCALE + 0.5) * 16).astype(int).tolist() for end in (root, tip)]
            cv2.line(layer, ends[0], ends[1], (rng.uniform(0.3, 0.9),), 1, cv2.LINE_AA, 4)
    coverage = np.clip(1.7 * soften(layer, 0.7), 0, 1)[..., None]  # (960, 1280, 1)
    return np.asarray(picture * (1 - depth * coverage))


def _band(rng: Generator, low_px: float, high_px: float) -> Array:
    """Draw band-pass noise (960, 1280) of unit variance, between two Gaussians of these widths in frame px."""
    white = rng.standard_normal((HEIGHT * SCALE, WIDTH * SCALE), np.float32)
    band = soften(white, low_px) - soften(white, high_px)
    return np.asarray(band / band.std())


def _texture(skin: Array, points: Array, rng: Generator) -> Array:
    """Draw pores, mottling, freckles and moles as relative changes, so that dark skin keeps its depth."""
    shade = rng.uniform(0.010, 0.018) * _band(rng, 0.6, 1.6) + rng.uniform(0.006, 0.014) * _band(rng, 1.8, 5.0)
    spots = np.zeros_like(skin)
    for _ in range(int(max(0.0, rng.uniform(-120, 120)))):  # freckles: cheeks and nose
        centre = points[rng.choice([1, 15, 29, 41, 46, 31, 35])] + rng.normal(0, 18, 2)
        _dot(spots, centre, rng.uniform(0.4, 0.9), 0.25, rng)
    for _ in range(rng.integers(0, 4)):  # moles: anywhere
        centre = points[rng.integers(0, 36)] + rng.normal(0, 22, 2)
        _dot(spots, centre, rng.uniform(0.7, 1.2), 0.7, rng)
    shade -= soften(spots, 0.6)
    red = rng.uniform(0.004, 0.012) * _band(rng, 6.0, 16.0)
    return np.asarray(skin[..., None] * np.stack([shade + red, shade - red, shade - red], -1))


def _dot(layer: Array, centre: Array, radius_px: float, depth: float, rng: Generator) -> None:
    """Draw a disc into the layer (960, 1280), in place; centre (2,) and radius are frame px."""
    centre_16th = np.round((centre * SCALE + 0.5) * 16).astype(int).tolist()  # OpenCV's fixed point of 4 bits
    cv2.circle(layer, centre_16th, int(radius_px * SCALE * 16), depth * rng.uniform(0.5, 1), -1, cv2.LINE_AA, 4)


def _light(rng: Generator) -> Array:
    """Draw exposure, colour temperature and a soft fall-off to one side, as factors (960, 1280, 3)."""
    angle = rng.uniform(0, 2 * np.pi)
    fall = rng.uniform(0, 0.16)
    warm = np.clip(rng.normal(0.005, 0.02), -0.015, 0.04)
    x, y = np.meshgrid(np.linspace(-1, 1, WIDTH * SCALE), np.linspace(-0.75, 0.75, HEIGHT * SCALE))
    slope = 1 + fall * (np.cos(angle) * x + np.sin(angle) * y)
    exposure = rng.uniform(0.82, 0.98)
    temperature = np.array([1 + warm, 1, 1 - 1.3 * warm])
    return np.asarray(slope[..., None] * exposure * temperature, np.float32)
