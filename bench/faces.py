"""Short clips of rendered faces whose expression, head motion, blink and gaze are chosen, with their truth."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deft.face import align, mesh
from deft.render import camera, motions
from deft.render.corpus import COMBINATIONS, Motion, parsed
from deft.render.portrait import HEIGHT, WIDTH
from deft.render.subjects import subject

SHARES = (0.0, 0.3, 0.75, 1.0)  # of the expression and of the head's way: onset, two steps, apex
SUBJECTS = 12
QUALITY = 92

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]


class Wish(NamedTuple):
    """What a clip shall show: the strongest unit's motion and the head's shift at the apex in px, what the eyes do.

    The head turns by up to 1.5° and grows by up to 2 % at 4 px, and in proportion below.
    """

    amplitude_px: float
    head_px: float
    blink: bool = False
    gaze: bool = False


class Scene(NamedTuple):
    """What was rendered, as the pipeline sees it.

    crops: grey uint8 (256, 256), onset to apex. points: the landmarks found on the onset's crop, (68, 2).
    moved: unit → its amplitude in frame px. expression, head: how the onset's crop moves to the apex, float32
    (256, 256, 2) in crop px, by the face and by the head after it.
    """

    crops: list[Grey]
    points: Floats
    moved: dict[int, float]
    expression: Floats
    head: Floats


def render(seed: int, number: int, wish: Wish, size_px: int = 256, iod_px: int = 80, eye_line: float = 0.38) -> Scene:
    """Render clip `number`; its subject, units and directions follow from the seed."""
    rng = np.random.default_rng([seed, number])
    person = subject(seed, 1 + number % SUBJECTS)
    points = person.landmarks
    units = _units(wish.amplitude_px, rng)
    expression = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for motion in units:
        expression += np.float32(motion.amplitude_px) * motions.field(motion.unit, motion.side, points)
    level = wish.head_px / 4
    turn, grow, angle = level * rng.uniform(-1.5, 1.5), level * rng.uniform(-0.02, 0.02), rng.uniform(0, 2 * np.pi)
    shift = wish.head_px * np.array([np.cos(angle), np.sin(angle)])
    middle = points.mean(0).astype(np.float64)
    across, up, iod = motions.axes(points)
    gaze = wish.gaze * iod * (rng.choice([-0.03, 0.03]) * across + rng.uniform(-0.006, 0.006) * up)
    grain = camera.grain(rng.uniform(1.5, 2.5))
    pictures = []
    for share in SHARES:
        head = camera.similarity(middle, share * turn, 1 + share * grow, share * shift)
        closed = float(wish.blink) * (share == 1.0)
        source = camera.trace(points, expression, head, share, closed, np.asarray(share * gaze))
        picture = camera.expose(person.picture, source, rng.uniform(0.98, 1.02), grain, rng)
        packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        pictures.append(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8))
    matrix = align.transform(mesh.landmarks(pictures[0]), size_px, iod_px, eye_line)
    crops = [align.cut(picture, matrix, size_px) for picture in pictures]
    grid = np.stack(np.meshgrid(np.arange(size_px), np.arange(size_px)), -1).astype(np.float32)
    onset = camera.transform(camera.invert(matrix), grid)
    own = camera.express(onset, expression, 1.0)
    whole = camera.transform(head, onset)
    linear = matrix[:, :2].T.astype(np.float32)
    return Scene(
        crops=[cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY) for crop in crops],
        points=mesh.landmarks(crops[0]),
        moved={motion.unit: motion.amplitude_px for motion in units},
        expression=np.asarray((own - onset) @ linear, np.float32),
        head=np.asarray((whole - onset) @ linear, np.float32),
    )


def _units(amplitude_px: float, rng: Generator) -> tuple[Motion, ...]:
    """A combination of the corpus, of any emotion alike, the strongest of its units with this amplitude."""
    if not amplitude_px:
        return ()
    names = [code for codes in COMBINATIONS.values() for code in codes]
    codes = str(rng.choice(names)).split("+")
    shares = rng.uniform(0.65, 1, len(codes))
    amplitudes = amplitude_px * shares / shares.max()
    return tuple(Motion(*parsed(code), amplitude) for code, amplitude in zip(codes, amplitudes.tolist(), strict=True))
