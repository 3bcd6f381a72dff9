"""Who is who in a video: each face is followed by a trajectory of its own, and known again after a gap or a cut."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from deft.core.errors import NoFaceError
from deft.core.params import Crop
from deft.face import Points, mesh
from deft.media import video
from deft.spotting import Sample
from deft.spotting.trajectory import Trajectory

MOST = 4  # faces at a time
MOST_KNOWN = 16  # people who are known again


class People:
    """Measures everyone in the frames of one video, which are given in order.

    People are numbered from 1 in order of their first frame. ``largest`` measures one face alone: the largest one when
    it is first visible, and then the same.
    """

    def __init__(self, crop: Crop, largest: bool) -> None:
        self._crop, self._largest = crop, largest
        self._follower = mesh.Follower(MOST)
        self._trajectories: dict[int, Trajectory] = {}  # by the person's number, the latest one measured last
        self._count = 0
        self._places: dict[int, Points] = {}  # number → where the face was in the frame before

    def find(self, frames: Iterable[video.Frame]) -> Iterator[tuple[video.Frame, list[mesh.Mesh]]]:
        """Yield each frame with the faces in it, the largest first."""
        for frame in frames:
            faces = self._follower.faces(frame.image)
            yield frame, sorted(faces, key=lambda face: -float(np.ptp(face.points[:, 0])))

    def measure(self, frame: video.Frame, faces: Sequence[mesh.Mesh]) -> Iterator[tuple[int, Sample]]:
        """Yield the number of each person whose face is measured in a frame, and the sample; faces as from `find`."""
        places, self._places = self._places, {}
        followed, others = list[tuple[int, mesh.Mesh]](), list[mesh.Mesh]()
        for face in faces:
            number = _nearest(face.points, places)
            if number is None:
                others.append(face)
            else:
                del places[number]
                followed.append((number, face))
        if self._largest:
            followed, others = followed[:1], [] if followed else others[:1]
        for number, face in followed:
            yield from self._measured(number, frame, face)
        for face in others:
            number = self._recognised(frame, face)
            if number is not None:
                yield from self._measured(number, frame, face)

    def _measured(self, number: int, frame: video.Frame, face: mesh.Mesh) -> Iterator[tuple[int, Sample]]:
        """Yield the sample of a person's face, if it can be measured."""
        trajectory = self._trajectories.pop(number)
        self._trajectories[number] = trajectory
        sample = trajectory.measure(frame, face)
        if sample is not None:
            self._places[number] = face.points
            yield number, sample

    def _recognised(self, frame: video.Frame, face: mesh.Mesh) -> int | None:
        """Return the number of the person whose face this is, or None where it cannot be measured.

        Someone new is added.
        """
        try:
            landmarks = mesh.landmarks_in_frame(frame.image, face.points)
        except NoFaceError:
            return None
        for number, trajectory in self._trajectories.items():
            if number not in self._places and trajectory.knows(frame, landmarks):
                return number
        self._count += 1
        self._trajectories[self._count] = Trajectory(self._crop)
        if len(self._trajectories) > MOST_KNOWN:
            del self._trajectories[next(iter(self._trajectories))]
        return self._count


def _nearest(points: Points, places: dict[int, Points]) -> int | None:
    """Return the number of the place (68, 2) at which a face's points (68, 2) lie, or None."""
    distances = {number: float(np.hypot(*(points - place).T).mean()) for number, place in places.items()}
    if not distances:
        return None
    number = min(distances, key=lambda number: distances[number])
    return number if distances[number] < mesh.REACH * np.ptp(points[:, 0]) else None
