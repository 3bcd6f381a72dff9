"""Landmarks by the Face Alignment Network (Bulat and Tzimiropoulos 2017), through the package face-alignment."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deft.core.errors import DataError, NoFaceError
from deft.face import Points
from deft.media import Image


def landmarks(image: Image) -> Points:
    """Return the 68 landmarks (68, 2), in px, of the face that fills a crop (H, W, 3).

    Raises:
        NoFaceError: the network returns no points.
        DataError: the network's weights are not on this machine and may not be fetched.

    """
    height, width = image.shape[:2]
    box = np.array([0, 0, width, height], float)
    faces = _network().get_landmarks_from_image(image, detected_faces=[box])
    if not faces:
        raise NoFaceError(f"crop of {width}×{height}", "no face", "one face", "use landmarks.backend: mediapipe")
    return np.asarray(faces[0], np.float32)


@lru_cache(maxsize=1)
def _network() -> Any:
    """Return the network with its weights, loaded once per process."""
    import face_alignment
    from face_alignment.api import models_urls

    url = models_urls["2DFAN-4"]
    weights = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if not weights.exists() and os.environ.get("HF_HUB_OFFLINE") != "0":
        raise DataError(
            weights,
            "no such file",
            "the weights of FAN",
            f"put {url} there, or set HF_HUB_OFFLINE=0 to let it be fetched, or use landmarks.backend: mediapipe",
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # The crop is the face, so nothing is detected; the "folder" detector is the one that needs no weights.
    return face_alignment.FaceAlignment(
        face_alignment.LandmarksType.TWO_D, device=device, flip_input=False, face_detector="folder", compile=False
    )
