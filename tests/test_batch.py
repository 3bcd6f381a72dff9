import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from conftest import ROOT
from numpy.typing import NDArray
from test_tvl1 import bump, face, shift, warped_pair

from deft.motion import tvl1

Pictures = NDArray[np.float32]
SHAPES = [(28, 28), (61, 97), (130, 100), (192, 192)]


def pairs(height: int, width: int) -> tuple[Pictures, Pictures]:
    """Three pairs of one size (3, height, width)."""
    motions = bump((1.5, -1.0)), bump((-0.4, 0.3)) + shift(1.0, 0.5), shift(2.0, -1.0)
    references, targets = zip(*(warped_pair(motion[:height, :width]) for motion in motions), strict=True)
    return np.stack(references), np.stack(targets)


def furthest(found: torch.Tensor, references: Pictures, targets: Pictures) -> float:
    """The largest distance of a batch's flow from that of its pairs one by one, px."""
    alone = np.stack([tvl1.flow(*pair) for pair in zip(references, targets, strict=True)])
    return float(np.linalg.norm(found.numpy(force=True) - alone, axis=-1).max())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_batch_is_the_same_as_its_pairs(shape: tuple[int, int]) -> None:
    references, targets = pairs(*shape)
    found = tvl1.flow_batch(references, targets, "cpu")
    assert found.dtype == torch.float32
    assert found.shape == (3, *shape, 2)
    assert furthest(found, references, targets) < 1e-3


@pytest.mark.parametrize("shape", SHAPES)
def test_a_batch_follows_guesses_as_its_pairs_do(shape: tuple[int, int]) -> None:
    references, targets = pairs(*shape)
    guesses = np.stack([bump((6.0, -4.0))[: shape[0], : shape[1]], *[shift(0.5, 0.0)[: shape[0], : shape[1]]] * 2])
    found = tvl1.flow_batch(references, targets, "cpu", guesses).numpy()
    alone = [tvl1.flow(*pair) for pair in zip(references, targets, guesses, strict=True)]
    assert np.linalg.norm(found - np.stack(alone), axis=-1).max() < 1e-3


def test_guesses_for_another_number_of_pairs_are_refused() -> None:
    references, targets = pairs(61, 97)
    with pytest.raises(ValueError, match=r"start: expected shape \(3, 61, 97, 2\), got \(2, 61, 97, 2\)"):
        tvl1.flow_batch(references, targets, "cpu", np.zeros((2, 61, 97, 2), np.float32))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_last_bit_of_a_picture_hardly_moves_the_flow(shape: tuple[int, int]) -> None:
    references, targets = pairs(*shape)
    rng = np.random.default_rng(0)
    for reference, target in zip(references, targets, strict=True):
        exact = tvl1.flow(reference, target)
        for _ in range(4):
            rounded = [picture * (1 + rng.normal(0, 1e-7, picture.shape)) for picture in (reference, target)]
            assert np.abs(tvl1.flow(rounded[0], rounded[1]) - exact).max() < 1e-3


def test_a_constant_picture_in_a_batch_shows_no_motion() -> None:
    references, targets = pairs(64, 64)
    targets[1] = 7
    found = tvl1.flow_batch(torch.from_numpy(references), torch.from_numpy(targets), "cpu")
    assert not found[1].any()
    assert found[0].any()
    assert found.isfinite().all()


GOOD = np.stack([face()[:40, :40], face()[40:80, :40]])
HOLED = np.where((np.arange(2) == 1)[:, None, None] & (np.median(GOOD) < GOOD), np.nan, GOOD)


@pytest.mark.parametrize(
    ("references", "targets", "message"),
    [
        (GOOD, GOOD[:1], r"targets: expected the references' shape \(2, 40, 40\), got \(1, 40, 40\)"),
        (GOOD[0], GOOD[0], r"references: expected grey pictures \(N, H, W\), got \(40, 40\)"),
        (GOOD[:, :20], GOOD[:, :20], r"references\[0\]: expected .* at least 28 px, got \(20, 40\)"),
        (GOOD, HOLED, r"targets\[1\]: expected finite values, got \d+ NaN"),
        (GOOD[:0], GOOD[:0], "references: expected at least one picture, got none"),
    ],
)
def test_bad_batches_are_refused(references: Pictures, targets: Pictures, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tvl1.flow_batch(references, targets, "cpu")


INTERPRETED = """
import torch
from test_batch import furthest, pairs
from deft.motion import batch, fused

batch._loops = lambda u: (fused.tensors, fused.relax)
for shape in ((28, 28), (61, 97), (100, 128)):
    references, targets = pairs(*shape)
    found = batch.solve(torch.from_numpy(references).double(), torch.from_numpy(targets).double())
    assert furthest(found, references, targets) < 1e-3, shape
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton comes with torch's CUDA build, or by itself")
def test_the_fused_kernels_say_the_same_when_interpreted() -> None:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests"), str(ROOT)])
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", INTERPRETED], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("shape", [*SHAPES, (600, 520)])
def test_a_gpu_says_the_same(shape: tuple[int, int]) -> None:
    references, targets = pairs(*shape)
    assert furthest(tvl1.flow_batch(references, targets, "cuda"), references, targets) < 0.02
