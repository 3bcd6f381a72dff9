"""The trajectory of one face through a video: what its skin does, frame by frame, and how far that can be trusted.

Two measurements run side by side, both relative to a reference frame. Dense flow resolves hundredths of a pixel, but
loses skin that moves by many pixels, and lips that part. The face mesh resolves half a pixel, and follows anything. The
mesh also tells where the head is, so that each frame is cut where the face lies, and flow has little left to follow.

The reference is renewed about once a second while the face rests near it, so light and pose may wander. A region's
displacement since the track started is its displacement up to the newest reference plus that from there to the frame.
The small errors that add up from reference to reference change slowly, so no spotter takes them for an event.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.sparse import csr_array

from deft.core.errors import NoFaceError
from deft.core.params import Crop
from deft.face import Points, align, pose
from deft.face.mesh import Mesh
from deft.facs import regions
from deft.media import pictures, video
from deft.motion import compensation, contrast, evidence, tvl1
from deft.prior import canonical, layout
from deft.spotting import Doubles, Floats, Sample
from deft.spotting.layers import Layers, layers, means

Grey = npt.NDArray[np.uint8]  # (H, W)

RENEW_S = 1.0  # age from which a reference is renewed while the face rests near it
REST_S = 0.25  # the face rests if, for so long,
REST_RANGE = 0.006  # every region has stayed within this range, eye distances
NEAR = 0.02  # eye distances: the face rests near its reference if no region of the mesh has moved farther
BAND_PX = 1.5  # how far the face may move in its crop before the crop follows: cutting anew costs a little noise
LOST_FIT = 0.5  # below this correlation with the reference, it is not the same face seen the same way
GAP_S = 0.3  # a face that was not measured for so long starts a new track
CUT_FIT = 0.75  # below this correlation with the frame before, the video cuts: no face changes so much in a frame
_EYES = (((159, 145), (33, 133)), ((386, 374), (263, 362)))  # vertices: middles of the lids, corners
_INNER_LIPS, _OUTER_CORNERS = (13, 14), (33, 263)
_GRID = 4  # px between the places at which depth is interpolated

FindLandmarks = Callable[[video.Frame, Points], Points]


class _Portrait(NamedTuple):
    """A face at half size, to compare others with: normalised (h, w), and means over its outline and its regions."""

    grey: Grey
    picture: Floats
    means: csr_array  # (18, h · w)


class _Reference(NamedTuple):
    """A reference frame, and what it takes to measure others against it."""

    matrix: align.Matrix  # frame px → crop px
    points: Points  # (68, 2), crop px
    layers: Layers
    stable_area: npt.NDArray[np.bool_]  # (H, W)
    depth: Floats  # (H, W), crop px, away from the camera
    outline: npt.NDArray[np.bool_]  # (H, W), of the face
    portrait: _Portrait
    vertices: Doubles  # (468, 3), crop px
    waiting: deque[Grey]  # to be measured next by ``flows``
    flows: Iterator[Floats]  # each (H, W, 2) px, reference → next crop
    sample: Sample  # of the reference frame


class Trajectory:
    """Measures one face, frame by frame.

    ``find_landmarks`` finds the 68 landmarks of the face at given ones in a frame, more exactly than the mesh that
    follows the face; it raises `NoFaceError` if there is none.
    """

    def __init__(self, crop: Crop, find_landmarks: FindLandmarks) -> None:
        self._crop = crop
        self._find_landmarks = find_landmarks
        self._reference: _Reference | None = None
        self._place = np.eye(2, 3)  # where the reference's crop lies now, in its own px
        self._recent: deque[Sample] = deque()  # those of the last `REST_S`
        self._picture = np.zeros((0, 0), np.float32)  # (h, w), of the frame before, like a portrait's
        self._portrait: _Portrait | None = None  # of the latest reference, kept when the face is lost

    def measure(self, frame: video.Frame, face: Mesh) -> Sample | None:
        """Return the sample of a frame and the face in it.

        None if the face cannot be measured there, or if the video cuts to another one.
        """
        if self._reference is None or frame.seconds - self._recent[-1].seconds > GAP_S:
            return self._start(frame, face)
        before = self._picture
        sample = self._sample(self._reference, frame, face)
        if _correlations(self._reference.portrait.means, before, self._picture)[0] < CUT_FIT:
            self._reference = None
            return None
        if sample.fit < LOST_FIT:
            return self._start(frame, face)
        self._recent.append(sample)
        while self._recent[0].seconds < sample.seconds - REST_S:
            self._recent.popleft()
        if self._needs_renewal(self._reference, sample):
            self._renew(frame, face, sample)
        return sample

    def knows(self, frame: video.Frame, landmarks: Points) -> bool:
        """Tell whether the face at landmarks (68, 2) is the one followed so far: whether flow lays it over that one."""
        if self._portrait is None:
            return False
        picture = self._cut(frame, self._matrix(landmarks))
        return bool(_fits(self._portrait, _half_size(picture), tvl1.flow(self._portrait.grey, picture))[0] >= LOST_FIT)

    def _matrix(self, landmarks: Points) -> align.Matrix:
        return align.transform(landmarks, self._crop.size_px, self._crop.iod_px, self._crop.eye_line)

    def _cut(self, frame: video.Frame, matrix: align.Matrix) -> Grey:
        return align.cut(pictures.grey(frame.image), matrix, self._crop.size_px)

    def _start(self, frame: video.Frame, face: Mesh) -> Sample | None:
        """Begin a track with this frame."""
        self._reference = None
        still = np.zeros((len(regions.REGIONS), 3), np.float32)
        sample = Sample(
            frame=frame.number,
            seconds=frame.seconds,
            displacement=still,
            mesh=still,
            field=np.zeros((2, layout.GRID, layout.GRID), np.float16),
            aperture=_aperture(face),
            lips=_lips(face),
            noise=0.0,
            fit=1.0,
            region_fits=np.ones(len(regions.REGIONS), np.float32),
            head_shift=0.0,
            head_speed=0.0,
            intra=frame.intra,
            starts_track=True,
            place=_middle(face),
        )
        return sample if self._renew(frame, face, sample) else None

    def _renew(self, frame: video.Frame, face: Mesh, sample: Sample) -> bool:
        """Take a frame for the reference, and tell whether its landmarks were found."""
        try:
            landmarks = self._find_landmarks(frame, face.points)
        except NoFaceError:
            return False
        matrix = self._matrix(landmarks)
        points = align.moved(landmarks, matrix)
        picture = self._cut(frame, matrix)
        outline = evidence.outline(points, picture.shape)
        vertices = _in_crop(face, matrix)
        waiting = deque([picture])
        flows = tvl1.flow_sequence(_take(waiting))
        next(flows)  # from the reference to itself
        laid = layers(points, vertices[:, :2], picture.shape)
        self._portrait = _portrait(picture, [outline, *laid.masks])
        self._reference = _Reference(
            matrix=matrix,
            points=points,
            layers=laid,
            stable_area=compensation.stable_area(points, picture.shape),
            depth=_depth(vertices, picture.shape),
            outline=outline,
            portrait=self._portrait,
            vertices=vertices,
            waiting=waiting,
            flows=flows,
            sample=sample,
        )
        self._picture = self._portrait.picture
        self._place = np.eye(2, 3)
        self._recent = deque([sample._replace(head_shift=0.0)])
        return True

    def _sample(self, reference: _Reference, frame: video.Frame, face: Mesh) -> Sample:
        """Measure a frame against the reference."""
        vertices = _in_crop(face, reference.matrix)
        self._follow(reference, vertices)
        matrix = pose.compose(pose.inverse(self._place), reference.matrix)
        picture = self._cut(frame, matrix)
        reference.waiting.append(picture)
        flow = next(reference.flows)
        compensated = compensation.compensate(flow, reference.stable_area, reference.depth)
        aligned = pose.aligned(vertices, reference.vertices, reference.layers.stable)
        iod = reference.layers.axes.iod
        self._picture = _half_size(picture)
        fits = _fits(reference.portrait, self._picture, flow)
        head = self._place[:, 2] + self._place[:, :2] @ compensated.head[:, 2]
        centre = (self._crop.size_px - 1) / 2
        shift = head + (self._place[:, :2] - np.eye(2)) @ [centre, centre]
        before, base = self._recent[-1], reference.sample
        head_shift = float(np.hypot(*shift)) / iod
        return Sample(
            frame=frame.number,
            seconds=frame.seconds,
            displacement=base.displacement + reference.layers.of_flow(compensated.flow),
            field=base.field + canonical.field(compensated.flow, reference.points).astype(np.float16),
            mesh=base.mesh + reference.layers.of_mesh((aligned - reference.vertices)[:, :2]),
            aperture=_aperture(face),
            lips=_lips(face),
            noise=evidence.noise_in(compensated.flow, reference.outline, iod) / iod,
            fit=float(fits[0]),
            region_fits=fits[1:],
            head_shift=head_shift,
            head_speed=abs(head_shift - before.head_shift) / max(frame.seconds - before.seconds, 1e-3),
            intra=frame.intra,
            starts_track=False,
            place=_middle(face),
        )

    def _follow(self, reference: _Reference, vertices: Doubles) -> None:
        """Let the crop follow a face that has left the band."""
        place = pose.similarity(reference.vertices[:, :2], vertices[:, :2], reference.layers.stable)
        side = self._crop.size_px
        corners = np.array([[x, y, 1.0] for x in (0.2 * side, 0.8 * side) for y in (0.2 * side, 0.8 * side)])
        if np.abs(corners @ (place - self._place).T).max() > BAND_PX:
            self._place = place

    def _needs_renewal(self, reference: _Reference, sample: Sample) -> bool:
        """Tell whether the reference is to be renewed after a sample."""
        since = sample.mesh - reference.sample.mesh  # (17, 3)
        ranges = np.ptp([recent.displacement for recent in self._recent], axis=0)  # (17, 3)
        old = sample.seconds - reference.sample.seconds >= RENEW_S
        return bool(old and ranges.max() < REST_RANGE and np.abs(since[:, :2]).max() < NEAR)


def _take(waiting: deque[Grey]) -> Iterator[Grey]:
    while True:
        yield waiting.popleft()


def _aperture(face: Mesh) -> Floats:
    """Return how far the lids of each eye are apart, in widths of the eye, (2,): the right one's first."""
    return np.array([_apart(face, *lids) / _apart(face, *corners) for lids, corners in _EYES], np.float32)


def _lips(face: Mesh) -> float:
    """Return how far the lips are apart on the inside, in distances of the eyes' outer corners."""
    return _apart(face, *_INNER_LIPS) / _apart(face, *_OUTER_CORNERS)


def _middle(face: Mesh) -> tuple[float, float]:
    """Return the mean (x, y) of a face's landmarks, in px of the frame."""
    x, y = face.points.mean(0).tolist()
    return x, y


def _apart(face: Mesh, one: int, other: int) -> float:
    return float(np.linalg.norm(face.vertices[one] - face.vertices[other]))


def _in_crop(face: Mesh, matrix: align.Matrix) -> Doubles:
    """Return a mesh's vertices (468, 3) in px of a crop."""
    scale = float(np.hypot(*matrix[:, 0]))
    flat = face.vertices[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.column_stack([flat, scale * face.vertices[:, 2]])


def _depth(vertices: Doubles, shape: tuple[int, ...]) -> Floats:
    """Return the depth (H, W) of a face whose vertices are (468, 3), in px; outside it that of the nearest vertex."""
    height, width = shape
    x, y = np.meshgrid(np.arange(0, width, _GRID), np.arange(0, height, _GRID))
    places, z = vertices[:, :2], vertices[:, 2]
    coarse = LinearNDInterpolator(places, z)(x, y)
    coarse = np.where(np.isfinite(coarse), coarse, NearestNDInterpolator(places, z)(x, y))
    return np.asarray(cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))


def _portrait(grey: Grey, masks: Sequence[npt.NDArray[np.bool_]]) -> _Portrait:
    """Return the portrait of a picture (H, W) with the masks (H, W) of a face's outline and of its regions."""
    return _Portrait(grey, _half_size(grey), means([mask[::2, ::2] for mask in masks]))


def _half_size(grey: Grey) -> Floats:
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if contrast.is_constant(half):
        return np.zeros(half.shape, np.float32)
    return contrast.normalised(half)


def _fits(portrait: _Portrait, picture: Floats, flow: Floats) -> Floats:
    """Return the correlation of a portrait with a picture (h, w) warped back by the flow (H, W, 2), by mask (18,)."""
    height, width = portrait.picture.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    half = flow[::2, ::2] / 2
    warped = cv2.remap(picture, x + half[..., 0], y + half[..., 1], cv2.INTER_LINEAR)
    return _correlations(portrait.means, portrait.picture, warped)


def _correlations(means: csr_array, picture: Floats, another: Floats) -> Floats:
    """Return the correlation of two pictures (h, w) in each of the masks whose `means` (masks, h · w) these are."""
    one, other = picture.ravel(), another.ravel()
    a, b, aa, bb, ab = (means @ np.stack([one, other, one**2, other**2, one * other], 1)).T
    spread = np.sqrt(np.maximum(aa - a**2, 0) * np.maximum(bb - b**2, 0))
    return np.asarray((ab - a * b) / np.maximum(spread, 1e-9), np.float32)
