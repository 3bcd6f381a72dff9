"""One rendered clip: a subject's face moved frame by frame, written as pictures, with its exact truth.

A subject's point x lies in frame t at  head_t( pose( eyes_t( x + a(t)·E(x) ) ) ):  E is the expression at the apex
in px, a(t) its profile, eyes_t gaze and blink, pose and head_t similarities. At the onset a, eyes and head are neutral.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from deft.render import camera, motions
from deft.render.corpus import FPS, ClipPlan
from deft.render.layouts import Layout, casme2
from deft.render.portrait import HEIGHT, WIDTH, Array
from deft.render.subjects import subject

QUALITY = 92  # of the JPEGs
STRIDE = 2  # of the truth's flow, px


class Truth(NamedTuple):
    """The truth of a rendered clip. Positions are 0-based in the clip's frames, coordinates frame px (x right, y down).

    clip, emotion, wrong: as planned; listed: the sheet's cell as text. moved: {unit, side, amplitude_px} for each unit.
    landmarks: (68, 2) float32 at the onset. profile: (frames,) float32, strength of the expression in [0, 1].
    head: (frames, 2, 3) float32: head[t] @ (x, y, 1) is the place in frame t of the onset's point (x, y), without
    expression and eyes. blink: whether the lids meet in the clip.
    flow: (160, 160, 2) float16: the displacement, in px, of the onset's point (x0 + stride·column, y0 + stride·row) by
    expression, gaze and blink until the apex, which shows the point at head[apex] @ (point + flow).
    Head and flow are exact in the flow's box; outside it the head's motion fades toward the picture's border.
    """

    clip: str
    emotion: str
    wrong: str | None
    moved: list[dict[str, object]]
    listed: str
    landmarks: Array
    head: Array
    profile: Array
    onset: int
    apex: int
    offset: int
    blink: bool
    x0: int
    y0: int
    stride: int
    flow: NDArray[np.float16]


class Scene(NamedTuple):
    """All that is needed to render a clip.

    points: (68, 2), the subject's landmarks, px. picture: (960, 1280, 3), the subject's picture. pose: (2, 3), subject
    → frame. head: (frames, 2, 3), the head's motion. expression: (480, 640, 2), subject px, at the apex.
    closed: (frames,), how far the lids are closed. gaze: (frames, 2), subject px. gain: (frames,), brightness.
    """

    points: Array
    picture: NDArray[np.uint8]
    pose: Array
    head: Array
    expression: NDArray[np.float32]
    closed: Array
    gaze: Array
    gain: Array
    rng: Generator


def scene(plan: ClipPlan) -> Scene:
    """Return the scene of a clip; the same plan gives the same scene in any process."""
    person = subject(plan.seed, plan.subject)
    points = person.landmarks
    rng = np.random.default_rng([plan.seed, plan.subject, plan.number, 1])
    middle = points.mean(0).astype(np.float64)
    angle, scale, right, down = np.clip(rng.standard_normal(4), -2, 2) * [0.75, 0.01, 4, 3]
    pose = camera.similarity(middle, angle, 1 + scale, np.array([right, down]))
    head = _head(plan, camera.transform(pose, middle), rng)
    closed = _blink(plan, rng)
    gaze = _gaze(plan, points, rng)
    gain = flicker(plan.frames, rng)
    return Scene(
        points=points,
        picture=person.picture,
        pose=pose,
        head=head,
        expression=expression(plan, points, 1 + scale),
        closed=closed,
        gaze=gaze,
        gain=gain,
        rng=rng,
    )


def expression(plan: ClipPlan, points: Array, scale: float = 1.0) -> NDArray[np.float32]:
    """Return the displacement of a face by the plan's units at the apex, (480, 640, 2), in subject px.

    points: (68, 2) subject px. scale: frame px per subject px.
    """
    moved = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for motion in plan.moved:  # amplitudes are in frame px, the expression in subject px
        amplitude = np.float32(motion.amplitude_px / scale)
        moved += amplitude * motions.field(motion.unit, motion.side, points, plan.lopsided)
    return moved


def render(plan: ClipPlan, root: Path, layout: Layout = casme2.LAYOUT, dataset: str = "rendered") -> Truth:
    """Write the frames of a clip of ``dataset`` under root in a layout, and return the clip's truth.

    The same plan gives the same bytes in any process. Bitmaps are written in grey, because they are large. Raises
    ValueError for a layout of flow fields.
    """
    if layout.frame is None:
        raise ValueError("layout: expected one with frames, got one of flow fields")
    person = scene(plan)
    profile = rise_and_fall(plan.frames, plan.onset, plan.apex, plan.offset)
    noise = camera.grain(person.rng.uniform(1.5, 2.5))
    (root / layout.frame(plan, 0)).parent.mkdir(parents=True, exist_ok=True)
    for t in range(plan.frames):
        whole = camera.compose(person.head[t], person.pose)
        source = camera.trace(
            person.points, person.expression, whole, profile[t], closed=person.closed[t], gaze=person.gaze[t]
        )
        image = camera.expose(person.picture, source, person.gain[t], noise, person.rng)
        path = root / layout.frame(plan, t)
        if path.suffix == ".bmp":
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if path.suffix == ".jpg" else []
        path.write_bytes(cv2.imencode(path.suffix, image, options)[1].tobytes())

    return Truth(
        clip="/".join((dataset, *layout.identify(plan))),
        emotion=plan.emotion,
        wrong=plan.wrong,
        moved=[motion._asdict() for motion in plan.moved],
        listed=str(plan.listed),
        landmarks=camera.transform(person.pose, person.points),
        head=person.head.astype(np.float32),
        profile=profile.astype(np.float32),
        onset=plan.onset,
        apex=plan.apex,
        offset=plan.offset,
        blink=bool(person.closed.max() > 0.9),
        x0=camera.X0,
        y0=camera.Y0,
        stride=STRIDE,
        flow=expression_flow(person, plan.apex).astype(np.float16),
    )


def rise_and_fall(frames: int, onset: int, apex: int, offset: int) -> Array:
    """Return an expression's strength in a clip, (frames,): 0 up to the onset, 1 at the apex, 0 from the offset on."""
    share = np.interp(np.arange(frames), [onset, apex, offset], [0, 1, 0])
    return np.asarray(share**2 * (3 - 2 * share))


def expression_flow(person: Scene, apex: int) -> NDArray[np.float32]:
    """Return each point's displacement until the apex by expression and eyes, (160, 160, 2), in px; see `Truth`."""
    x = np.arange(camera.X0, camera.X0 + camera.BOX_WIDTH, STRIDE)
    y = np.arange(camera.Y0, camera.Y0 + camera.BOX_HEIGHT, STRIDE)
    box = np.stack(np.meshgrid(x, y), -1).astype(np.float32)
    points = camera.transform(camera.invert(person.pose), box)  # (160, 160, 2), subject px
    moved = camera.express(points, person.expression, 1.0)
    shown = camera.move_eyes(moved, person.points, person.closed[apex], person.gaze[apex])
    return np.asarray(camera.transform(person.pose, shown) - box)


def _head(plan: ClipPlan, middle: Array, rng: Generator) -> Array:
    """Draw head motion since the onset, (frames, 2, 3): mostly a fraction of a pixel, at most 4 px, 1.5° and 2 %."""
    paths = gaussian_filter1d(rng.standard_normal((plan.frames, 4)), 12, axis=0, mode="nearest")
    paths -= paths[plan.onset]
    reach = np.minimum(rng.lognormal(np.log([0.15, 0.002, 0.7, 0.7]), 0.8), [1.5, 0.02, 2.8, 2.8])
    paths *= reach / np.abs(paths).max(0)
    return np.stack([camera.similarity(middle, turn, 1 + grow, np.array([x, y])) for turn, grow, x, y in paths])


def _blink(plan: ClipPlan, rng: Generator) -> Array:
    """Draw how far the lids close, (frames,) in [0, 1]: in 15 % of the clips one blink, begun after the onset."""
    start = rng.uniform(plan.onset, plan.frames - 0.1 * FPS)
    closed = lid_closure((np.arange(plan.frames) - start) / FPS)
    return np.asarray(closed * (rng.random() < 0.15))


def lid_closure(seconds: Array) -> Array:
    """Return how far the lids are closed, (n,) in [0, 1], at times (n,), in s, since a blink began."""
    return np.asarray(np.interp(seconds, [0, 0.07, 0.09, 0.22], [0, 1, 1, 0]) ** 1.5)


def _gaze(plan: ClipPlan, points: Array, rng: Generator) -> Array:
    """Draw how far the irises shift, (frames, 2) px: in 15 % of the clips one saccade of 30 ms after the onset."""
    left, up, iod = motions.axes(points)
    target = iod * (rng.uniform(-0.03, 0.03) * left + rng.uniform(-0.006, 0.006) * up)
    start = rng.uniform(plan.onset, plan.frames)
    share = np.interp((np.arange(plan.frames) - start) / FPS, [0, 0.03], [0, 1])
    return np.asarray(share[:, None] * target * (rng.random() < 0.15))


def flicker(frames: int, rng: Generator) -> Array:
    """Draw factors of brightness within ±2 %, (frames,): a slow drift, and lamps at 100 Hz, half the rate of frames."""
    slow = gaussian_filter1d(rng.standard_normal(frames), 10, mode="nearest")
    lamps = np.cos(2 * np.pi * rng.uniform(99.8, 100.2) * np.arange(frames) / FPS + rng.uniform(0, np.pi))
    return np.asarray(1 + rng.uniform(0, 0.01) * slow / np.abs(slow).max() + rng.uniform(0, 0.01) * lamps)
