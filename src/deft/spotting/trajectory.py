"""The trajectory of one face through a video: what its skin does, frame by frame, and how far that can be trusted.

Two measurements run side by side, both relative to a reference frame. Dense flow resolves hundredths of a pixel, but
loses skin that moves by many pixels, and lips that part. The face mesh resolves half a pixel, and follows anything. The
mesh also tells where the head is, so that each frame is cut where the face lies, and flow has little left to follow.

The reference is renewed about once a second while the face rests near it, so light and pose may wander. A region's
displacement since the track started is its displacement up to the newest reference plus that from there to the frame.
The small errors that add up from reference to reference change slowly, so no spotter takes them for an event.
"""

from collections import deque

import numpy as np

from deft.core.errors import NoFaceError
from deft.core.params import Crop
from deft.face import Points, pose
from deft.face.mesh import Mesh, landmarks_in_frame
from deft.facs import regions
from deft.media import video
from deft.motion import compensation, evidence, tvl1
from deft.prior import canonical, layout
from deft.spotting import Doubles, Sample
from deft.spotting.portrait import Portrait, half_size
from deft.spotting.reference import Reference, cut, matrix, reference

RENEW_S = 1.0  # age from which a reference is renewed while the face rests near it
REST_S = 0.25  # the face rests if, for so long,
REST_RANGE = 0.006  # every region has stayed within this range, eye distances
NEAR = 0.02  # eye distances: the face rests near its reference if no region of the mesh has moved farther
BAND_PX = 1.5  # how far the face may move in its crop before the crop follows: cutting anew costs a little noise
LOST_FIT = 0.5  # below this correlation with the reference, it is another face, or another side of it
GAP_S = 0.3  # a face that was not measured for so long starts a new track
CUT_FIT = 0.75  # below this correlation with the frame before, the video cuts: no face changes so much in a frame


class Trajectory:
    """Measures one face, frame by frame."""

    def __init__(self, crop: Crop) -> None:
        self._crop = crop
        self._reference: Reference | None = None
        self._place = np.eye(2, 3)  # where the reference's crop lies now, in its own px
        self._recent: deque[Sample] = deque()  # those of the last `REST_S`
        self._picture = np.zeros((0, 0), np.float32)  # (h, w), of the frame before, like a portrait's
        self._portrait: Portrait | None = None  # of the latest reference, kept when the face is lost

    def measure(self, frame: video.Frame, face: Mesh) -> Sample | None:
        """Return the sample of a frame and the face in it.

        None if the face cannot be measured there, or if the video cuts to another one.
        """
        if self._reference is None or frame.seconds - self._recent[-1].seconds > GAP_S:
            return self._start(frame, face)
        before = self._picture
        sample = self._sample(self._reference, frame, face)
        if self._reference.portrait.correlations(before, self._picture)[0] < CUT_FIT:
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
        picture = cut(frame, matrix(landmarks, self._crop), self._crop)
        flow = tvl1.flow(self._portrait.grey, picture)
        return bool(self._portrait.fits(half_size(picture), flow)[0] >= LOST_FIT)

    def _start(self, frame: video.Frame, face: Mesh) -> Sample | None:
        """Begin a track with this frame."""
        self._reference = None
        sample = _at_rest(frame, face)
        return sample if self._renew(frame, face, sample) else None

    def _renew(self, frame: video.Frame, face: Mesh, sample: Sample) -> bool:
        """Take a frame for the reference, and tell whether its landmarks were found."""
        try:
            landmarks = landmarks_in_frame(frame.image, face.points)
        except NoFaceError:
            return False
        self._reference = reference(frame, landmarks, face, self._crop, sample)
        self._portrait = self._reference.portrait
        self._picture = self._portrait.picture
        self._place = np.eye(2, 3)
        self._recent = deque([sample._replace(head_shift=0.0)])
        return True

    def _sample(self, reference: Reference, frame: video.Frame, face: Mesh) -> Sample:
        """Measure a frame against the reference."""
        vertices = face.moved(reference.matrix)
        self._follow(reference, vertices)
        picture = cut(frame, pose.compose(pose.inverse(self._place), reference.matrix), self._crop)
        reference.waiting.append(picture)
        flow = next(reference.flows)
        compensated = compensation.compensate(flow, reference.stable_area, reference.depth)
        aligned = pose.aligned(vertices, reference.vertices, reference.layers.stable)
        iod = reference.layers.axes.iod
        self._picture = half_size(picture)
        fits = reference.portrait.fits(self._picture, flow)
        head = self._place[:, 2] + self._place[:, :2] @ compensated.head[:, 2]
        centre = (self._crop.size_px - 1) / 2
        shift = head + (self._place[:, :2] - np.eye(2)) @ [centre, centre]
        before, base = self._recent[-1], reference.sample
        head_shift = float(np.hypot(*shift)) / iod
        return _at_rest(frame, face)._replace(
            displacement=base.displacement + reference.layers.of_flow(compensated.flow),
            field=base.field + canonical.field(compensated.flow, reference.points).astype(np.float16),
            mesh=base.mesh + reference.layers.of_mesh((aligned - reference.vertices)[:, :2]),
            noise=evidence.noise_in(compensated.flow, reference.outline, iod) / iod,
            fit=float(fits[0]),
            region_fits=fits[1:],
            head_shift=head_shift,
            head_speed=abs(head_shift - before.head_shift) / max(frame.seconds - before.seconds, 1e-3),
            starts_track=False,
        )

    def _follow(self, reference: Reference, vertices: Doubles) -> None:
        """Let the crop follow a face that has left the band."""
        place = pose.similarity(reference.vertices[:, :2], vertices[:, :2], reference.layers.stable)
        side = self._crop.size_px
        corners = np.array([[x, y, 1.0] for x in (0.2 * side, 0.8 * side) for y in (0.2 * side, 0.8 * side)])
        if np.abs(corners @ (place - self._place).T).max() > BAND_PX:
            self._place = place

    def _needs_renewal(self, reference: Reference, sample: Sample) -> bool:
        """Tell whether the reference is to be renewed after a sample."""
        since = sample.mesh - reference.sample.mesh  # (17, 3)
        ranges = np.ptp([recent.displacement for recent in self._recent], axis=0)  # (17, 3)
        old = sample.seconds - reference.sample.seconds >= RENEW_S
        return bool(old and ranges.max() < REST_RANGE and np.abs(since[:, :2]).max() < NEAR)


def _at_rest(frame: video.Frame, face: Mesh) -> Sample:
    """Return the sample of a frame that begins a track."""
    still = np.zeros((len(regions.REGIONS), 3), np.float32)
    return Sample(
        frame=frame.number,
        seconds=frame.seconds,
        displacement=still,
        mesh=still,
        field=np.zeros((2, layout.GRID, layout.GRID), np.float16),
        aperture=face.aperture,
        lips=face.lips,
        noise=0.0,
        fit=1.0,
        region_fits=np.ones(len(regions.REGIONS), np.float32),
        head_shift=0.0,
        head_speed=0.0,
        intra=frame.intra,
        starts_track=True,
        place=face.middle,
    )
