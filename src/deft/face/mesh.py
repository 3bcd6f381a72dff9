"""Landmarks by MediaPipe's Face Mesh (Kartynnik et al. 2019), whose wheel carries its models: no download."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deft.core.errors import NoFaceError
from deft.face import Points
from deft.facs import regions
from deft.media import Image

# Face Mesh vertices of the 68 points, two for each point of a brow: the mesh follows its upper and its lower edge, the
# 68 points its hair. Checked by eye over rendered faces.
_VERTICES = np.array(
    [127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356]
    + [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
    + [168, 197, 5, 4, 75, 99, 94, 328, 305]
    + [130, 160, 158, 133, 153, 144, 362, 385, 387, 359, 373, 380]
    + [61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 62, 82, 13, 312, 292, 317, 14, 87]
)
_LOWER_BROWS = np.array([46, 53, 52, 65, 55, 285, 295, 282, 283, 276])
_MARGINS = (0.6, 0.0)  # of the longer side: a face that fills its picture is read best with air, a small one without


def landmarks(image: Image, near: Points | None = None) -> Points:
    """68 points of the largest face, pixels; the mean of what the picture and its mirror image give.

    Of several faces that of the person whose points in a picture shortly before were ``near``, if it is given.

    Raises:
        NoFaceError: no face is seen, neither with a margin added around the picture nor without.

    """
    for share in _MARGINS:
        margin = round(share * max(image.shape[:2]))
        padded = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE) if margin else image
        faces = _faces(padded)
        if not faces:
            continue
        place = None if near is None else near + margin
        found = max(faces, key=_width) if place is None else min(faces, key=lambda points: _away(points, place))
        # The mirrored picture's points err the other way: the mean of both is closer than either.
        mirrored = _faces(np.ascontiguousarray(padded[:, ::-1]))
        back = [points[regions.MIRROR] * [-1, 1] + [padded.shape[1] - 1, 0] for points in mirrored]
        same = [points for points in back if _away(points, found) < 0.1 * _width(found)]  # not another's face
        return np.asarray(((found + same[0]) / 2 if same else found) - margin, np.float32)
    height, width = image.shape[:2]
    raise NoFaceError(
        f"picture of {width}×{height}",
        "no face",
        "one face, seen from the front and at least a tenth of the picture wide",
        "cut the picture closer to the face, or use other frames",
    )


def _width(points: npt.NDArray[np.floating]) -> float:
    return float(np.ptp(points[:, 0]))


def _away(points: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> float:
    return float(np.hypot(*(points - others).T).mean())


def _faces(image: Image) -> list[npt.NDArray[np.float64]]:
    with _quiet():
        found = _mesh().process(image).multi_face_landmarks
    size = np.array([image.shape[1], image.shape[0]])
    faces = []
    for face in found or []:
        vertices = np.array([(point.x, point.y) for point in face.landmark]) * size
        points = vertices[_VERTICES]
        points[17:27] = (points[17:27] + vertices[_LOWER_BROWS]) / 2
        faces.append(points)
    return faces


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
