"""Landmarks by MediaPipe's Face Mesh (Kartynnik et al. 2019), whose wheel carries its models: no download."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from deft.errors import NoFaceError
from deft.face import Image, Points

# Face Mesh vertex of each of the 68 points.
_VERTICES = np.array(
    [127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356]
    + [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
    + [168, 197, 5, 4, 75, 97, 2, 326, 305]
    + [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380]
    + [61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87]
)
_PADDING = 0.3


def landmarks(image: Image) -> Points:
    """68 points of the largest face, pixels.

    Raises:
        NoFaceError: no face is seen, also not with a margin added around a picture that is all face.

    """
    for padding in (0.0, _PADDING):
        margin = round(padding * max(image.shape[:2]))
        padded = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE) if margin else image
        with _quiet():
            found = _mesh().process(padded).multi_face_landmarks
        if found:
            size = np.array([padded.shape[1], padded.shape[0]])
            faces = [np.array([(p.x, p.y) for p in face.landmark])[_VERTICES] * size - margin for face in found]
            return np.asarray(max(faces, key=lambda points: float(np.ptp(points[:, 0]))), np.float32)
    height, width = image.shape[:2]
    raise NoFaceError(
        f"picture of {width}×{height}",
        "no face",
        "one face, seen from the front and at least a tenth of the picture wide",
        "cut the picture closer to the face, or use other frames",
    )


@lru_cache(maxsize=1)
def _mesh() -> Any:
    import mediapipe

    return mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, max_num_faces=4, min_detection_confidence=0.5
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MediaPipe's C++ messages off the terminal: they pass by Python, and no log level silences them."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
