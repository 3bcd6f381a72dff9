"""Landmarks by MediaPipe's Face Mesh (Kartynnik et al. 2019), whose wheel carries its models: no download."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, NamedTuple

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
_SKIN = 468  # vertices; behind them come those of the irises
# Share of the longer side added around the picture: large faces are found best with a margin, small ones without.
_MARGINS = (0.6, 0.0)
_CROP_MARGIN = 0.3
_EYES = (((159, 145), (33, 133)), ((386, 374), (263, 362)))  # vertices: middles of the lids, corners
_INNER_LIPS, _OUTER_CORNERS = (13, 14), (33, 263)
REACH = 0.5  # of a face's width, by which one person's face may have moved
DETECTION_PX = 960  # larger frames are shrunk to this longer side before a face is looked for


def landmarks_in_frame(image: Image, near: Points | None = None) -> Points:
    """Return `landmarks` of a frame of any size (H, W, 3): a larger one is shrunk first (`DETECTION_PX`).

    Raises:
        NoFaceError: no face is found.

    """
    small, scale = _shrunk(image)
    near_in_small = None if near is None else near * np.float32(scale)
    return np.asarray(landmarks(small, near_in_small) / scale, np.float32)


def _shrunk(image: Image) -> tuple[Image, float]:
    """Return a frame of at most `DETECTION_PX`, and its scale."""
    scale = min(1.0, DETECTION_PX / max(image.shape[:2]))
    if scale == 1.0:
        return image, scale
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)), scale


def landmarks(image: Image, near: Points | None = None) -> Points:
    """Return the 68 landmarks (68, 2), in px, of the largest face in a picture (H, W, 3).

    The landmarks are the mean of those of the picture and of its mirror image. If ``near`` (n, 2) is given, a
    person's landmarks in an earlier frame or the middle of them alone, the face nearest to their middle is taken
    instead of the largest; one that is farther away than `REACH` is another person's.

    Raises:
        NoFaceError: no such face is found, neither with a margin added around the picture nor without.

    """
    for share in _MARGINS:
        margin = round(share * max(image.shape[:2]))
        padded = image
        if margin:
            padded = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        face = _chosen(_faces(padded), None if near is None else near + margin)
        if face is None:
            continue
        # The landmarks of the mirrored picture err in the opposite direction: the mean is closer than either.
        for mirrored in _faces(np.ascontiguousarray(padded[:, ::-1])):
            unmirrored = mirrored[regions.MIRROR] * [-1, 1] + [padded.shape[1] - 1, 0]
            if _distance(unmirrored, face) < 0.1 * _width(face):  # the same face, not another
                face = (face + unmirrored) / 2
                break
        return np.asarray(face - margin, np.float32)
    height, width = image.shape[:2]
    raise NoFaceError(
        f"picture of {width}×{height}",
        "no face",
        "one face, seen from the front and at least a tenth of the picture wide",
        "cut the picture closer to the face, or use other frames",
    )


class Mesh(NamedTuple):
    """A face in one frame of a video.

    vertices: (468, 3), without the irises, in px of the frame: x right, y down, z away from the camera, relative to the
    head's middle.
    """

    vertices: npt.NDArray[np.float64]

    @property
    def points(self) -> Points:
        """The 68 landmarks (68, 2), in px."""
        return _points(self.vertices[:, :2]).astype(np.float32)

    @property
    def middle(self) -> tuple[float, float]:
        """The mean (x, y) of the landmarks, in px."""
        x, y = self.points.mean(0).tolist()
        return x, y

    @property
    def aperture(self) -> npt.NDArray[np.float32]:
        """How far the lids of each eye are apart, in widths of the eye, (2,): the right one's first."""
        return np.array([self._apart(*lids) / self._apart(*corners) for lids, corners in _EYES], np.float32)

    @property
    def lips(self) -> float:
        """How far the lips are apart on the inside, in distances of the eyes' outer corners."""
        return self._apart(*_INNER_LIPS) / self._apart(*_OUTER_CORNERS)

    def _apart(self, one: int, other: int) -> float:
        return float(np.linalg.norm(self.vertices[one] - self.vertices[other]))

    def moved(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the vertices (468, 3) transformed by the matrix (2, 3) of a similarity; it scales the depth, too."""
        flat = self.vertices[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return np.column_stack([flat, np.hypot(*matrix[:, 0]) * self.vertices[:, 2]])


def vertices(image: Image) -> npt.NDArray[np.float64] | None:
    """Return the mesh (468, 2), in px, of the largest face in a picture (H, W, 3), or None."""
    margin = round(_CROP_MARGIN * max(image.shape[:2]))
    padded = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    with _quiet():
        faces = _meshes(_mesh(), np.asarray(padded))
    if not faces:
        return None
    return np.asarray(max((face[:_SKIN, :2] for face in faces), key=_width) - margin)


class Follower:
    """Finds the faces in the frames of one video, in order; each frame starts from the faces of the frame before.

    That takes a third of the time of `landmarks`, and errs by some tenths of a pixel more.
    """

    def __init__(self, most_faces: int) -> None:
        self._mesh = _face_mesh(in_order=True, most_faces=most_faces)
        self._found = False

    def faces(self, image: Image) -> list[Mesh]:
        """Return the faces in a frame (H, W, 3)."""
        small, scale = _shrunk(image)
        with nullcontext() if self._found else _quiet():  # MediaPipe speaks until it has found a face
            meshes = _meshes(self._mesh, small)
        self._found = self._found or bool(meshes)
        return [Mesh(vertices[:_SKIN] / scale) for vertices in meshes]


def _width(points: npt.NDArray[np.floating]) -> float:
    """Return the width of a face, in px, from its landmarks (68, 2)."""
    return float(np.ptp(points[:, 0]))


def _chosen(faces: list[npt.NDArray[np.float64]], near: Points | None) -> npt.NDArray[np.float64] | None:
    """Return the largest of some faces (68, 2), or the one at ``near`` (n, 2); None if there is no such face."""
    if near is None:
        return max(faces, key=_width, default=None)
    middle = near.mean(0)
    distances = [float(np.hypot(*(face.mean(0) - middle))) for face in faces]
    within = [index for index, face in enumerate(faces) if distances[index] < REACH * _width(face)]
    return faces[min(within, key=lambda index: distances[index])] if within else None


def _distance(points: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> float:
    """Return the mean distance between two sets of landmarks (68, 2), in px."""
    return float(np.hypot(*(points - others).T).mean())


def _faces(image: Image) -> list[npt.NDArray[np.float64]]:
    """Return the 68 landmarks (68, 2), in px, of each face in a picture (H, W, 3)."""
    with _quiet():
        meshes = _meshes(_mesh(), image)
    return [_points(vertices[:, :2]) for vertices in meshes]


def _points(vertices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the 68 landmarks (68, 2), in px, of a mesh (478, 2)."""
    points = np.asarray(vertices[_VERTICES])
    points[17:27] = (points[17:27] + vertices[_LOWER_BROWS]) / 2
    return points


def _meshes(detector: Any, image: Image) -> list[npt.NDArray[np.float64]]:
    """Return the vertices (478, 3), in px, of each face in a picture (H, W, 3)."""
    faces = detector.process(image).multi_face_landmarks
    height, width = image.shape[:2]
    size = np.array([width, height, width])  # z is in the unit of x
    return [np.array([(point.x, point.y, point.z) for point in face.landmark]) * size for face in faces or []]


@lru_cache(maxsize=1)
def _mesh() -> Any:
    """Return the Face Mesh detector of single pictures, loaded once per process."""
    return _face_mesh(in_order=False, most_faces=4)


def _face_mesh(in_order: bool, most_faces: int) -> Any:
    """Load Face Mesh for pictures, or for the frames of one video ``in_order``."""
    import mediapipe

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what MediaPipe calls in protobuf
        return mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=not in_order,
            refine_landmarks=True,
            max_num_faces=most_faces,
            min_detection_confidence=0.5,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MediaPipe's C++ messages off the terminal; they bypass Python, and no log level silences them."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
