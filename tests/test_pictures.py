from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deft.core.errors import DataError
from deft.media import Image, pictures

COLOURS = np.array([[[250, 10, 20], [5, 240, 15]], [[0, 0, 255], [255, 255, 255]]], np.uint8).repeat(8, 0).repeat(8, 1)


def jpeg(image: Image = COLOURS) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        pictures.read(path)
    assert str(caught.value).startswith(f"{path}: found ")
    assert caught.value.remedy == "restore the file"
    return caught.value.found


def test_a_picture_is_read_as_red_green_blue(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    assert np.abs(pictures.read(path).astype(int)[[3, 3], [3, 12]] - COLOURS[[3, 3], [3, 12]]).max() < 12


def test_a_picture_may_have_zeros_behind_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg() + b"\0" * 9)
    assert pictures.read(path).shape == (16, 16, 3)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_jpeg_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "img1.jpg"
    path.write_bytes(jpeg()[: int(share * len(jpeg()))])
    assert refused(path) == "a truncated JPEG"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_png_is_refused(tmp_path: Path, astronaut: Image, share: float) -> None:
    path, data = tmp_path / "img1.png", pictures.encode(astronaut)
    path.write_bytes(data[: int(share * len(data))])
    refused(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_bitmap_is_refused(tmp_path: Path, astronaut: Image, share: float) -> None:
    path, data = tmp_path / "img1.bmp", cv2.imencode(".bmp", astronaut)[1].tobytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "img1.jpg"
    path.touch()
    assert refused(path) == "an empty file"


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "img1.jpg") == "No such file or directory"


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    assert refused(tmp_path) == "Is a directory"


@pytest.mark.parametrize("content", [b"a text", b"GIF", b"\0" * 100, b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "img1.jpg"
    path.write_bytes(content)
    assert refused(path) == "a file that is not an image"


def test_a_grey_picture_is_read_with_three_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", COLOURS[..., 0])[1].tobytes())
    assert pictures.read(path).shape == (16, 16, 3)


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_what_is_encoded_is_decoded_exactly(image: Image) -> None:
    np.testing.assert_array_equal(pictures.decode(pictures.encode(image)), image)


def test_grey_is_luma() -> None:
    assert pictures.grey(COLOURS)[0, 0] == pytest.approx(0.299 * 250 + 0.587 * 10 + 0.114 * 20, abs=1)
