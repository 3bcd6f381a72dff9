"""How one person looks in one frame: each pixel traced back through camera, head, eyes and lips to their picture.

A subject's point x lies in the frame at  scene( pose( turn( eyes( x + E(x) ) ) ) ).  E is the expression, which differs
below the lips' seam by the gap between them; see `deft.render.mouth` and `deft.render.depth`.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deft.render import camera, depth, motions, mouth
from deft.render.portrait import HEIGHT, SCALE, Array

_STEP = 4  # px; smooth maps are computed at the centres of such cells and enlarged
_LARGE_PX = 4.0
_BROYDEN, _STEP_PX = 8, 12.0  # number of steps, and the longest one
_EXACT_PX = 0.03


class Face(NamedTuple):
    """A subject: the picture (960, 1280, 3) BGR, landmarks (68, 2), in px, and what the mouth and the head need."""

    picture: NDArray[np.uint8]
    points: NDArray[np.float32]
    lips: mouth.Seam
    opening: Array  # (480, 640, 2)
    surface: Array  # (480, 640)


class Look(NamedTuple):
    """What a person does in one frame. `expression` displaces the face by (480, 640, 2) px before the lips part."""

    scene: Array  # (2, 3), from the person's own 640 × 480 px to the frame
    pose: Array  # (2, 3)
    turn: Array  # (2,), right and down, in degrees
    expression: Array
    gap_px: float
    closed: float
    gaze: Array  # (2,), px


def landmarks(face: Face, look: Look) -> Array:
    """Return where a face's landmarks lie in the frame, (68, 2), in px."""
    is_lower = np.isin(np.arange(68), mouth.LOWER)[:, None]
    points = face.points[None]  # OpenCV's maps have two axes
    upper, lower = (camera.express(points, field, 1.0)[0] for field in (look.expression, _lower(face, look)))
    moved = camera.move_eyes(np.where(is_lower, lower, upper), face.points, look.closed, look.gaze)
    return _place(face, look, moved)


def render(face: Face, look: Look, columns: slice) -> NDArray[np.uint8]:
    """Return columns of the frame, (480, n, 3) BGR; both ends of ``columns`` are multiples of 4."""
    first, last = columns.start, columns.stop
    corner = np.array([first, 0], np.float32)
    size = (last - first, HEIGHT)
    coarse = camera.pixels(_STEP, last - first) + corner
    to_scene = camera.invert(look.scene)
    head = _to_head(face, look, coarse)  # (120, n / 4, 2)
    lower = _lower(face, look)
    source = head
    if look.expression.any() or look.gap_px:
        source = _unexpress(head, look.expression)
    if look.gap_px:
        below_seam = mouth.coordinates(source, face.lips)[1] >= 0
        source = np.where(below_seam[..., None], _unexpress(head, lower), source)
    shift = np.asarray(source - camera.transform(to_scene, coarse), np.float32)
    fine = camera.pixels(1, last - first) + corner
    shown = camera.transform(to_scene, fine) + cv2.resize(shift, size, interpolation=cv2.INTER_CUBIC)

    if look.closed or look.gaze.any():
        for eye in (motions.eye(face.points, 36), motions.eye(face.points, 42)):
            patch = _patch(face, look, eye.centre, (eye.half_px + 12, eye.half_px + 12), columns)
            opened = camera.unmove_eyes(_to_head(face, look, fine[patch]), eye, look.closed, look.gaze)
            shown[patch] = _unexpress(opened, look.expression)
    if not look.gap_px:
        return _sample(face.picture, shown)

    iod = face.lips.iod
    patch = _patch(face, look, face.lips.centre + 0.1 * iod * face.lips.down, (0.7 * iod, 0.6 * iod), columns)
    head = _to_head(face, look, fine[patch])
    upper_point = _unexpress(head, look.expression)
    lower_point = _unexpress(head, lower)
    below_upper_lip = mouth.coordinates(upper_point, face.lips)[1]
    above_lower_lip = -mouth.coordinates(lower_point, face.lips)[1]
    is_upper = (below_upper_lip < 0) | (below_upper_lip < above_lower_lip)
    shown[patch] = np.where(is_upper[..., None], upper_point, lower_point)
    image = _sample(face.picture, shown)
    inside = np.clip(np.minimum(below_upper_lip, above_lower_lip) + 0.5, 0, 1)
    inside *= np.clip(below_upper_lip + above_lower_lip, 0, 1)  # nothing shows between lips that touch
    colours = mouth.paint(head, below_upper_lip, face.lips)
    mixed = image[patch] + inside[..., None] * (colours - image[patch])
    image[patch] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return image


def _lower(face: Face, look: Look) -> Array:
    """Return the displacement of the face below the lips' seam, (480, 640, 2)."""
    return np.asarray(look.expression + np.float32(look.gap_px) * face.opening)


def _unexpress(points: Array, expression: Array) -> Array:
    """Return the points (..., 2), in px, that an expression (480, 640, 2) moves to these.

    A small expression is traced back by fixed-point iteration. A large one stretches the lips to twice their length,
    which is too much for that, and is traced back by Broyden's method: Newton's, with each point's inverse Jacobian
    matrix estimated from its steps.
    """
    if np.abs(expression).max() < _LARGE_PX:
        return camera.unexpress(points, expression, 1.0)
    source = points
    error = camera.express(source, expression, 1.0) - points
    one, zero = np.ones_like(points[..., 0]), np.zeros_like(points[..., 0])
    a, b, c, d = one, zero, zero, one  # the inverse Jacobian matrix [[a, b], [c, d]]
    for _ in range(_BROYDEN):
        x, y = error[..., 0], error[..., 1]
        step = -np.stack([a * x + b * y, c * x + d * y], -1)
        step = np.clip(step, -_STEP_PX, _STEP_PX)
        source = source + step
        later = camera.express(source, expression, 1.0) - points
        if np.abs(later).max() < _EXACT_PX:
            break
        x, y = later[..., 0] - x, later[..., 1] - y
        p, q = step[..., 0], step[..., 1]
        change_x, change_y = a * x + b * y, c * x + d * y
        scale = p * change_x + q * change_y
        scale = np.where(np.abs(scale) < 1e-4, np.float32(np.inf), scale)
        u, v = (p - change_x) / scale, (q - change_y) / scale
        row_x, row_y = p * a + q * c, p * b + q * d
        a, b, c, d = a + u * row_x, b + u * row_y, c + v * row_x, d + v * row_y
        error = later
    return np.asarray(source, np.float32)


def _to_head(face: Face, look: Look, pixels: Array) -> Array:
    """Return the points (..., 2), of a head that is still and seen from the front, that lie at pixels of the frame."""
    scene = camera.transform(camera.invert(look.scene), pixels)
    upright = scene + camera.rigidity(scene) * (camera.transform(camera.invert(look.pose), scene) - scene)
    return depth.unturn(upright, face.surface, look.turn) if look.turn.any() else np.asarray(upright, np.float32)


def _place(face: Face, look: Look, points: Array) -> Array:
    """Return where points (..., 2) of a still head seen from the front lie in the frame, in px."""
    turned = depth.turn(points, face.surface, look.turn)
    return camera.transform(look.scene, camera.transform(look.pose, turned))


def _patch(face: Face, look: Look, centre: Array, reach_px: tuple[float, float], columns: slice) -> tuple[slice, slice]:
    """Return rows and columns, of those rendered, that show the box of a still head around a point."""
    corners = centre + np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]) * reach_px
    placed = _place(face, look, corners) - (columns.start, 0)
    limit = np.array([columns.stop - columns.start, HEIGHT])
    low, high = (np.clip(edge.astype(int), 0, limit) for edge in (placed.min(0), placed.max(0)))
    return slice(low[1], high[1]), slice(low[0], high[0])


def _sample(picture: NDArray[np.uint8], source: Array) -> NDArray[np.uint8]:
    """Return a subject's picture at points (480, n, 2), in px, (480, n, 3); beyond its border it is mirrored."""
    canvas = (SCALE * source + (SCALE - 1) / 2).astype(np.float32)
    return np.asarray(cv2.remap(picture, canvas, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
