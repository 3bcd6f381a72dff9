"""From a picture to an aligned face and its 68 landmarks, one file per landmark backend."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deft.media import Image

Points = npt.NDArray[np.float32]  # (68, 2), pixels, x right, y down
Backend = Callable[[Image], Points]


def backend(name: str) -> Backend:
    """Return the landmark function of that name ("mediapipe" or "face_alignment"): picture → points (68, 2), in px.

    Raises:
        ValueError: there is no backend of that name. The function itself raises NoFaceError for a crop without a face.

    """
    if name == "mediapipe":
        from deft.face import mesh

        return mesh.landmarks
    if name == "face_alignment":
        from deft.face import fan

        return fan.landmarks
    raise ValueError(f"landmark backend: found {name!r}, expected 'mediapipe' or 'face_alignment'")
