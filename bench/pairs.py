"""Pairs of pictures with known flow: rendered faces, and real photographs warped by known fields."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib.cbook
import numpy as np
import skimage.data
import sklearn.datasets
from numpy.random import Generator
from numpy.typing import NDArray
from skimage.io import imread

from deft.render import camera, clips, corpus
from deft.render.layouts import casme2

SIDE = 256
FINE = 2  # canvas pixels per pixel of a photograph's pair
_LEFT, _TOP = camera.X0 + (camera.BOX_WIDTH - SIDE) // 2, camera.Y0 + (camera.BOX_HEIGHT - SIDE) // 2
_WINDOW = slice(_TOP, _TOP + SIDE), slice(_LEFT, _LEFT + SIDE)  # inside the box where a rendered clip's truth is exact
LARGEST_PX = (0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0)  # of a photograph's flow, in turn

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]


class Pair(NamedTuple):
    """A pair of pictures with its true flow.

    reference, target: grey uint8 (256, 256). truth: float32 (256, 256, 2), px: target(x + truth) shows reference(x).
    visible: bool (256, 256), whether x + truth lies inside the target; errors are measured there.
    """

    name: str
    reference: Grey
    target: Grey
    truth: Floats
    visible: NDArray[np.bool_]


def make(seed: int, rendered: int = 32, rounds: int = 4) -> list[Pair]:
    """Return `rendered` rendered pairs and `rounds` pairs of each photograph; the same seed gives the same pairs.

    Rendered pairs with a motion of more than 4 px are left out: a closing eye moves that far, and hides the iris.
    """
    photographs = _photographs()
    repeated = [(name, number) for number in range(rounds) for name in photographs]
    faces = [pair for pair in _rendered(seed, rendered) if np.linalg.norm(pair.truth, axis=-1).max() <= LARGEST_PX[-1]]
    warped = [
        _warped(f"{name} {number}", photographs[name], index, seed) for index, (name, number) in enumerate(repeated)
    ]
    return [*faces, *warped]


def save(path: Path, made: Sequence[Pair]) -> None:
    """Write the pairs' arrays, one after the other along the first axis, as the ``.npz`` that `bench.peer` reads."""
    np.savez(
        path,
        allow_pickle=False,
        reference=np.stack([pair.reference for pair in made]),  # (n, 256, 256)
        target=np.stack([pair.target for pair in made]),
        truth=np.stack([pair.truth for pair in made]),  # (n, 256, 256, 2)
        visible=np.stack([pair.visible for pair in made]),
    )


def _rendered(seed: int, count: int) -> list[Pair]:
    """Return onset and apex of rendered clips, cut to the box in which their truth is exact."""
    plans = corpus.plan(seed, subjects=8, clips=max(1, -(-count // 8)), wrong=0.0)[:count]
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for plan in plans:
            truth = clips.render(plan, Path(folder))
            onset = _grey(Path(folder) / casme2.frame(plan, plan.onset))
            apex = _grey(Path(folder) / casme2.frame(plan, plan.apex))
            made.append(_cut(f"rendered {truth.clip}", onset, apex, truth))
    return made


def sequences(seed: int, count: int) -> list[list[Grey]]:
    """Return all frames (256, 256) of `count` rendered clips from the onset on, cut as the pairs are."""
    cut = []
    with tempfile.TemporaryDirectory() as folder:
        for plan in corpus.plan(seed, subjects=8, clips=1, wrong=0.0)[:count]:
            clips.render(plan, Path(folder))
            positions = range(plan.onset, plan.frames)
            frames = [_grey(Path(folder) / casme2.frame(plan, position)) for position in positions]
            cut.append([frame[_WINDOW] for frame in frames])
    return cut


def _cut(name: str, onset: Grey, apex: Grey, truth: clips.Truth) -> Pair:
    """Return a rendered pair, cut out; its truth is the motion by expression and eyes, then by the head."""
    grid = np.stack(np.meshgrid(_LEFT + np.arange(SIDE), _TOP + np.arange(SIDE)), -1).astype(np.float32)
    stored = ((grid - (truth.x0, truth.y0)) / truth.stride).astype(np.float32)  # (256, 256, 2), places in truth.flow
    expression = cv2.remap(truth.flow.astype(np.float32), stored, None, cv2.INTER_LINEAR)
    flow = camera.transform(truth.head[truth.apex], grid + expression) - grid
    return Pair(name, onset[_WINDOW], apex[_WINDOW], flow.astype(np.float32), _inside(flow))


def _grey(path: Path) -> Grey:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def _photographs() -> dict[str, Floats]:
    """Return photographs from scikit-image, matplotlib and scikit-learn, grey canvases (512, 512), by name."""
    coloured = {name: getattr(skimage.data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket")}
    coloured["motorcycle"] = skimage.data.stereo_motorcycle()[0]
    coloured["hopper"] = imread(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    coloured |= {name: sklearn.datasets.load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    grey = {name: cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for name, picture in coloured.items()}
    return {name: _square(picture) for name, picture in (grey | {"camera": skimage.data.camera()}).items()}


def _square(picture: Grey) -> Floats:
    """Return a picture's middle square, resized to the canvas (512, 512)."""
    side = min(picture.shape)
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    middle = picture[top : top + side, left : left + side].astype(np.float32)
    interpolation = cv2.INTER_AREA if side > FINE * SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(middle, (FINE * SIDE, FINE * SIDE), interpolation=interpolation), np.float32)


def _warped(name: str, canvas: Floats, number: int, seed: int) -> Pair:
    """Return a photograph's pair, moved by a head's similarity and an expression's bumps, with a camera's noise."""
    rng = np.random.default_rng([seed, number])
    largest = LARGEST_PX[number % len(LARGEST_PX)]
    flow = _field(largest, rng)
    fine = FINE * cv2.resize(flow, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[: FINE * SIDE, : FINE * SIDE].astype(np.float32)
    back = np.stack([x, y], -1)
    for _ in range(12):  # the field's slope is below one half, so each iteration at least halves the error
        back = np.stack([x, y], -1) - cv2.remap(fine, back, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved = cv2.remap(canvas, back, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    light = 1 + rng.uniform(0.0, 0.08) * _hills(1, 60.0, rng)[0]
    target = _taken(moved, rng.uniform(0.97, 1.03) * light, rng)
    return Pair(f"{name}, {largest} px", _taken(canvas, np.ones_like(canvas), rng), target, flow, _inside(flow))


def _field(largest: float, rng: Generator) -> Floats:
    """Draw a flow (256, 256, 2): a head's similarity (in half of all fields) and 1 to 4 bumps, at most `largest` px."""
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).astype(np.float32)
    middle = np.full(2, (SIDE - 1) / 2)
    turn, grow = np.clip(rng.normal(0, [0.4, 0.005]), [-1.5, -0.02], [1.5, 0.02])
    head = camera.similarity(middle, turn, 1 + grow, rng.uniform(-1, 1, 2) * min(largest, 2.0))
    flow = rng.integers(0, 2) * (camera.transform(head, grid) - grid)
    for _ in range(rng.integers(1, 5)):
        centre = rng.uniform(40, SIDE - 40, 2)
        width = rng.uniform(8, 30, 2)
        angle = rng.uniform(0, 2 * np.pi)
        hill = np.exp(-0.5 * (((grid - centre) / width) ** 2).sum(-1, keepdims=True))
        # A bump of width σ and height A has slope 0.6 A / σ, so no bump folds the picture.
        height = min(rng.uniform(0.4, 1) * largest, 0.5 * width.min())
        flow = flow + height * hill * (np.cos(angle), np.sin(angle))
    return np.asarray(flow * min(1.0, largest / np.linalg.norm(flow, axis=-1).max()), np.float32)


def _hills(count: int, width_px: float, rng: Generator) -> Floats:
    """Draw smooth random surfaces in [−1, 1], (count, 512, 512)."""
    white = rng.standard_normal((count, 64, 64), np.float32)
    smooth = [cv2.GaussianBlur(surface, (0, 0), width_px / (SIDE / 64)) for surface in white]
    return np.stack([cv2.resize(surface / np.abs(surface).max(), (FINE * SIDE, FINE * SIDE)) for surface in smooth])


def _taken(canvas: Floats, light: Floats, rng: Generator) -> Grey:
    """Return a picture (256, 256) of a lit canvas, with noise of 1 to 2.5 grey levels, as JPEG of quality 75 to 95."""
    lit = canvas * light
    mean = cv2.resize(lit, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    noisy = mean + rng.normal(0, rng.uniform(1, 2.5), mean.shape)
    quality = int(rng.integers(75, 96))
    levels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)


def _inside(flow: Floats) -> NDArray[np.bool_]:
    """Return where a point of the reference lies inside the target, (256, 256)."""
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    shown = np.stack([x, y], -1) + flow
    return np.asarray(((shown >= 0) & (shown <= SIDE - 1)).all(-1))
