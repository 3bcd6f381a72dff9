"""The frame against which the following ones are measured."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.core.params import Crop
from deft.face import Points, align, dense
from deft.face.mesh import Mesh
from deft.media import pictures, video
from deft.motion import compensation, evidence, tvl1
from deft.spotting import Doubles, Floats, Sample
from deft.spotting.layers import Layers, layers
from deft.spotting.portrait import Grey, Portrait, portrait


class Reference(NamedTuple):
    """A reference frame, and what it takes to measure others against it."""

    matrix: align.Matrix  # frame px → crop px
    points: Points  # (68, 2), crop px
    layers: Layers
    stable_area: npt.NDArray[np.bool_]  # (H, W)
    depth: Floats  # (H, W), crop px, away from the camera
    outline: npt.NDArray[np.bool_]  # (H, W), of the face
    portrait: Portrait  # of the outline, and of the regions
    vertices: Doubles  # (468, 3), crop px
    waiting: deque[Grey]  # to be measured next by ``flows``
    flows: Iterator[Floats]  # each (H, W, 2) px, reference → next crop
    sample: Sample  # of the reference frame


def reference(frame: video.Frame, landmarks: Points, face: Mesh, crop: Crop, sample: Sample) -> Reference:
    """Take a frame for the reference, with the landmarks (68, 2) and the mesh of its face, in px of the frame."""
    to_crop = matrix(landmarks, crop)
    points = align.moved(landmarks, to_crop)
    picture = cut(frame, to_crop, crop)
    outline = evidence.outline(points, picture.shape)
    vertices = face.moved(to_crop)
    laid = layers(points, vertices[:, :2], picture.shape)
    waiting = deque([picture])
    flows = tvl1.flow_sequence(_take(waiting))
    next(flows)  # from the reference to itself
    return Reference(
        matrix=to_crop,
        points=points,
        layers=laid,
        stable_area=compensation.stable_area(points, picture.shape),
        depth=dense.interpolated(vertices[:, :2], vertices[:, 2], picture.shape),
        outline=outline,
        portrait=portrait(picture, [outline, *laid.masks]),
        vertices=vertices,
        waiting=waiting,
        flows=flows,
        sample=sample,
    )


def matrix(landmarks: Points, crop: Crop) -> align.Matrix:
    """Return the matrix (2, 3) from px of a frame to those of the crop of a face with these landmarks (68, 2)."""
    return align.transform(landmarks, crop.size_px, crop.iod_px, crop.eye_line)


def cut(frame: video.Frame, to_crop: align.Matrix, crop: Crop) -> Grey:
    """Return the grey crop (size_px, size_px) of a frame."""
    return align.cut(pictures.grey(frame.image), to_crop, crop.size_px)


def _take(waiting: deque[Grey]) -> Iterator[Grey]:
    while True:
        yield waiting.popleft()
