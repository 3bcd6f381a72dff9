"""A clip's pictures for a page: small enough that hundreds of clips fit into one file."""

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

SIDE = 256  # pixels of a frame's longer side: what a crop has by default, so that small motion is still to be seen
_THUMB = 88
_QUALITY = 50  # of WebP: about 2 kB a frame
_SMOOTH = 2  # flow as colour is as smooth as the flow, and is kept at half its size


class Sprite(NamedTuple):
    """All frames of a clip in one picture, row by row; ``places`` are each frame's column and row."""

    uri: str
    columns: int
    rows: int
    places: list[tuple[int, int]]


def sprite(frames: Sequence[Image]) -> Sprite:
    """The frames (H, W, 3), made at most `SIDE` high and wide."""
    small = [_scaled(frame, min(1.0, SIDE / max(frame.shape))) for frame in frames]
    columns = math.ceil(math.sqrt(len(small)))
    places = [(at % columns, at // columns) for at in range(len(small))]
    blank = np.zeros_like(small[0])
    lines = [small[at : at + columns] for at in range(0, len(small), columns)]
    whole = np.vstack([np.hstack([*line, *[blank] * (columns - len(line))]) for line in lines])
    return Sprite(_uri(whole), columns, len(lines), places)


def motion(view: View) -> str:
    """Flow as colour, clear where nothing moves, to be laid over a face."""
    colour = overlay.coloured(view.flow, view.points)
    return _uri(_scaled(colour, min(1.0, SIDE / max(colour.shape)) / _SMOOTH))


def thumb(view: View) -> str:
    """Flow as colour over the onset, or over white where the clip comes as flow."""
    colour = overlay.coloured(view.flow, view.points)
    face = view.crops.get(view.row["onset"], np.full((*colour.shape[:2], 3), 255, np.uint8))
    shown = overlay.over(face, colour)
    if view.crops:
        shown = overlay.shown(shown)
    return _uri(_scaled(shown, _THUMB / max(shown.shape)))


def path(places: Iterable[npt.NDArray[np.floating]]) -> str:
    """Points (n, 2) as the attribute ``points`` of an SVG polygon."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _scaled(picture: Image, scale: float) -> Image:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _uri(picture: Image) -> str:
    """RGB or RGBA as WebP in a data URI."""
    order = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    ok, data = cv2.imencode(".webp", cv2.cvtColor(picture, order), [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    if not ok:
        raise ValueError(f"WebP encoder: cannot encode an array of shape {picture.shape} and type {picture.dtype}")
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
