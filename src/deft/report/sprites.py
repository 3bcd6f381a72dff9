"""Encode a clip's images for a page, small enough that hundreds of clips fit into one file."""

import base64
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from deft.media import Image
from deft.report import overlay
from deft.report.clips import View

SIDE = 256  # px of a frame's longer side; a crop's default, so that small motion stays visible
_THUMB = 88  # px of a thumbnail's longer side
_QUALITY = 50  # of WebP: about 2 kB per frame
_SMOOTH = 2  # flow as colour is smooth, so that half its size is enough


class Sprite(NamedTuple):
    """All frames of a clip in one image, row by row; ``places`` are the column and row of each frame."""

    uri: str
    columns: int
    rows: int
    places: list[tuple[int, int]]


def sprite(frames: Sequence[Image]) -> Sprite:
    """Return a sprite of the frames (H, W, 3), each scaled down to at most `SIDE`."""
    small = [_scaled(frame, min(1.0, SIDE / max(frame.shape))) for frame in frames]
    columns = math.ceil(math.sqrt(len(small)))
    places = [(number % columns, number // columns) for number in range(len(small))]
    rows = [small[start : start + columns] for start in range(0, len(small), columns)]
    blank = np.zeros_like(small[0])
    rows[-1] += [blank] * (columns - len(rows[-1]))
    whole = np.vstack([np.hstack(row) for row in rows])
    return Sprite(_uri(whole), columns, len(rows), places)


def motion(view: View) -> str:
    """Return flow as colour, a data URI to lay over a face; clear where nothing moves."""
    colour = overlay.coloured(view.flow, view.points)
    scale = min(1.0, SIDE / max(colour.shape)) / _SMOOTH
    return _uri(_scaled(colour, scale))


def thumb(view: View) -> str:
    """Return a thumbnail as a data URI: flow as colour over the onset, or over white for a clip that comes as flow."""
    colour = overlay.coloured(view.flow, view.points)
    white = np.full((*colour.shape[:2], 3), 255, np.uint8)
    face = view.crops.get(view.row["onset"], white)
    shown = overlay.over(face, colour)
    if view.crops:
        shown = overlay.shown(shown)
    return _uri(_scaled(shown, _THUMB / max(shown.shape)))


def path(points: Iterable[npt.NDArray[np.floating]]) -> str:
    """Return points (n, 2) as the attribute ``points`` of an SVG polygon."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _scaled(image: Image, scale: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _uri(image: Image) -> str:
    """Return an RGB or RGBA image as WebP in a data URI."""
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    ok, data = cv2.imencode(".webp", cv2.cvtColor(image, order), [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    if not ok:
        raise ValueError(f"WebP encoder: cannot encode an array of shape {image.shape} and type {image.dtype}")
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
