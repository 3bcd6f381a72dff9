from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import deft.face
from deft.core.errors import DataError, NoFaceError
from deft.face import Points, align, fan, mesh
from deft.facs import regions
from deft.media import Image

# Places in skimage's astronaut read off the picture by hand, (x, y) in pixels.
PLACES = {"right eye": (202, 105), "left eye": (247, 107), "nose tip": (224, 130), "chin": (223, 178)}


def noise() -> Image:
    return np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)


def test_landmarks_land_on_a_real_face(astronaut: Image) -> None:
    points = mesh.landmarks(astronaut)
    found = {
        "right eye": points[regions.RIGHT_EYE].mean(0),
        "left eye": points[regions.LEFT_EYE].mean(0),
        "nose tip": points[30],
        "chin": points[8],
    }
    assert points.shape == (68, 2)
    assert points.dtype == np.float32
    for name, place in PLACES.items():
        assert np.hypot(*(found[name] - place)) < 8, f"{name}: {found[name]}"


def test_the_subjects_right_eye_is_at_the_smaller_x(astronaut: Image) -> None:
    points = mesh.landmarks(astronaut)
    assert points[regions.RIGHT_EYE, 0].max() < points[27, 0] < points[regions.LEFT_EYE, 0].min()


def test_landmarks_mirror_with_the_picture(astronaut: Image) -> None:
    points = mesh.landmarks(astronaut)
    mirrored = mesh.landmarks(np.ascontiguousarray(astronaut[:, ::-1]))
    back = mirrored[regions.MIRROR] * [-1, 1] + [astronaut.shape[1] - 1, 0]
    assert np.hypot(*(back - points).T).mean() < 0.05 * regions.axes(points).iod


def test_parts_of_the_face_are_in_their_order(points: Points) -> None:
    x, y = points.T
    assert np.all(np.diff(x[1:16]) > 0)  # at the ears a face may narrow again
    assert np.all(np.diff(x[17:27]) > 0)
    assert np.all(np.diff(y[27:31]) > 0)
    assert y[17:27].max() < y[36:48].min()
    assert y[30] < y[33] < y[51] < y[62] <= y[66] < y[57] < y[8]
    assert x[48] < x[51] < x[54]


def test_a_face_that_fills_the_picture_is_found(crop: Image, points: Points) -> None:
    low, high = points.min(0).astype(int), points.max(0).astype(int)
    tight = np.ascontiguousarray(crop[low[1] : high[1], low[0] : high[0]])
    assert np.hypot(*(mesh.landmarks(tight) + low - points).T).mean() < 6


@pytest.mark.parametrize("image", [noise(), np.zeros((64, 64, 3), np.uint8)], ids=["noise", "black"])
def test_no_face_is_an_error_of_its_own(image: Image) -> None:
    with pytest.raises(NoFaceError, match="found no face, expected one face"):
        mesh.landmarks(image)


@given(st.floats(-0.6, 0.6), st.integers(64, 512), st.floats(16, 120), st.floats(0, 1))
def test_eyes_come_to_lie_where_asked(
    points: Points, angle: float, size_px: int, iod_px: float, eye_line: float
) -> None:
    sine, cosine = np.sin(angle), np.cos(angle)
    tilted = (points @ np.array([[cosine, sine], [-sine, cosine]]) * 1.3 + 40).astype(np.float32)
    matrix = align.transform(tilted, size_px, iod_px, eye_line)
    aligned = align.moved(tilted, matrix)
    eyes = np.stack([aligned[regions.RIGHT_EYE].mean(0), aligned[regions.LEFT_EYE].mean(0)])
    np.testing.assert_allclose(eyes[1] - eyes[0], [iod_px, 0], atol=0.02)
    np.testing.assert_allclose(eyes.mean(0), [size_px / 2, size_px * eye_line], atol=0.02)


def test_a_crop_shows_the_face_where_its_transform_says(astronaut: Image) -> None:
    found = mesh.landmarks(astronaut)
    matrix = align.transform(found, 256, 80, 0.38)
    seen = mesh.landmarks(align.cut(astronaut, matrix, 256))
    assert np.hypot(*(seen - align.moved(found, matrix)).T).mean() < 3


@pytest.mark.parametrize("shape", [(100, 80), (100, 80, 3)])
def test_a_cut_has_the_size_asked_for(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 99, np.uint8)
    assert align.cut(image, np.array([[0.5, 0, 3], [0, 0.5, 4]]), 64).shape == (64, 64, *shape[2:])


def test_shrinking_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (256, 128))
    assert align.cut(stripes, np.array([[0.26, 0, 0], [0, 0.26, 0]]), 64).std() < 5


def test_a_backend_is_found_by_its_name() -> None:
    assert deft.face.backend("mediapipe") is mesh.landmarks
    assert deft.face.backend("face_alignment") is fan.landmarks


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="found 'dlib', expected 'mediapipe' or 'face_alignment'"):
        deft.face.backend("dlib")


def test_fan_without_its_weights_names_the_file_and_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    fan._network.cache_clear()
    with pytest.raises(DataError, match="found no such file, expected the weights of FAN") as caught:
        fan.landmarks(noise())
    assert caught.value.where.startswith(str(tmp_path / "hub" / "checkpoints"))
    assert f"put https://www.adrianbulat.com/downloads/python-fan/{Path(caught.value.where).name} there" in str(
        caught.value
    )
