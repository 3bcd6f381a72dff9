"""Short clips of rendered faces with chosen expression, head motion, blink and gaze, and their truth."""

from collections.abc import Sequence
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

SHARES = (0.0, 0.3, 0.75, 1.0)  # of the expression and of the head's motion: onset, two steps, apex
SUBJECTS = 12
QUALITY = 92

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]


class Conditions(NamedTuple):
    """The motion in a clip: of the strongest unit and of the head at the apex, in frame px; and of the eyes.

    At a shift of 4 px the head turns by up to 1.5° and grows by up to 2 %; at smaller shifts in proportion.
    """

    amplitude_px: float
    head_px: float
    blink: bool = False
    gaze: bool = False


class Scene(NamedTuple):
    """A rendered clip after the stages `crop` and `landmarks`, with its truth.

    crops: grey uint8 (256, 256), onset to apex. points: the landmarks detected on the onset's crop, (68, 2).
    moved: unit → its amplitude in frame px. expression, head: the displacement from the onset's crop to the apex,
    float32 (256, 256, 2), in crop px, by the expression and by the head.
    """

    crops: list[Grey]
    points: Floats
    moved: dict[int, float]
    expression: Floats
    head: Floats


def render(
    seed: int,
    number: int,
    conditions: Conditions,
    size_px: int = 256,
    iod_px: int = 80,
    eye_line: float = 0.38,
    *,
    subjects: int = SUBJECTS,
    shown: Sequence[Motion] | None = None,
) -> Scene:
    """Return clip `number`, rendered; its subject, units and directions follow from the seed.

    ``shown`` are the units instead of those that the seed gives.
    """
    rng = np.random.default_rng([seed, number])
    person = subject(seed, 1 + number % subjects)
    points = person.landmarks
    units = _units(conditions.amplitude_px, rng) if shown is None else shown
    expression = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for motion in units:
        expression += np.float32(motion.amplitude_px) * motions.field(motion.unit, motion.side, points)
    share_of_largest = conditions.head_px / 4
    turn = share_of_largest * rng.uniform(-1.5, 1.5)  # degrees
    grow = share_of_largest * rng.uniform(-0.02, 0.02)
    angle = rng.uniform(0, 2 * np.pi)  # of the shift
    shift = conditions.head_px * np.array([np.cos(angle), np.sin(angle)])
    middle = points.mean(0).astype(np.float64)
    across, up, iod = motions.axes(points)
    gaze = conditions.gaze * iod * (rng.choice([-0.03, 0.03]) * across + rng.uniform(-0.006, 0.006) * up)
    grain = camera.grain(rng.uniform(1.5, 2.5))
    pictures = []
    for share in SHARES:
        head = camera.similarity(middle, share * turn, 1 + share * grow, share * shift)
        closed = float(conditions.blink) * (share == 1.0)
        source = camera.trace(points, expression, head, share, closed, np.asarray(share * gaze))
        picture = camera.expose(person.picture, source, rng.uniform(0.98, 1.02), grain, rng)
        packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        pictures.append(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8))
    matrix = align.transform(mesh.landmarks(pictures[0]), size_px, iod_px, eye_line)
    crops = [align.cut(picture, matrix, size_px) for picture in pictures]
    grid = np.stack(np.meshgrid(np.arange(size_px), np.arange(size_px)), -1).astype(np.float32)
    onset = camera.transform(camera.invert(matrix), grid)  # (256, 256, 2), frame px
    expressed = camera.express(onset, expression, 1.0)
    turned = camera.transform(head, onset)
    linear = matrix[:, :2].T.astype(np.float32)
    return Scene(
        crops=[cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY) for crop in crops],
        points=mesh.landmarks(crops[0]),
        moved={motion.unit: motion.amplitude_px for motion in units},
        expression=np.asarray((expressed - onset) @ linear, np.float32),
        head=np.asarray((turned - onset) @ linear, np.float32),
    )


def _units(amplitude_px: float, rng: Generator) -> tuple[Motion, ...]:
    """Draw a combination of units from the corpus, whatever its emotion, the strongest unit with this amplitude."""
    if not amplitude_px:
        return ()
    combinations = [combination for weights in COMBINATIONS.values() for combination in weights]
    codes = str(rng.choice(combinations)).split("+")
    shares = rng.uniform(0.65, 1, len(codes))
    amplitudes = amplitude_px * shares / shares.max()
    return tuple(Motion(*parsed(code), amplitude) for code, amplitude in zip(codes, amplitudes.tolist(), strict=True))
