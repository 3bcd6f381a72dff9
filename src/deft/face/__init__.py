"""From a picture to an aligned face and its 68 landmarks. One file a landmark backend."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deft.media import Image

Points = npt.NDArray[np.float32]  # (68, 2), pixels, x right, y down
Backend = Callable[[Image], Points]


def backend(name: str) -> Backend:
    """The landmarker of that name ("mediapipe", "face_alignment"); it raises NoFaceError where a crop shows no face."""
    if name == "mediapipe":
        from deft.face import mesh

        return mesh.landmarks
    if name == "face_alignment":
        from deft.face import fan

        return fan.landmarks
    raise ValueError(f"landmark backend: found {name!r}, expected 'mediapipe' or 'face_alignment'")
