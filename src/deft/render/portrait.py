"""The portrait from which all rendered subjects are made, with its 68 landmarks and soft masks.

The picture is NASA's public-domain portrait of Eileen Collins as it ships with scikit-image. Frames are 640×480; the
portrait is held at twice that size, because cv2.remap rounds positions to 1/32 px of its *source*.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import skimage.data
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 640, 480
SCALE = 2  # canvas pixels per frame pixel

# 68 points (x, y) in frame px, pixel centres at whole numbers. Made with mediapipe FaceMesh 0.10.21 (478 → 68), then
# corrected by hand on overlays at 5–11×: brows onto the hair, outer eye corners, mouth corners, lip edges, face's edge.
LANDMARKS = np.array([
    [226.5, 202.5], [226.5, 221.5], [228.0, 242.5], [229.5, 264.5], [231.0, 287.5], [237.5, 309.5], [257.5, 335.5],
    [283.5, 359.0], [317.0, 369.5], [351.5, 361.0], [377.5, 342.5], [402.5, 317.5], [415.0, 293.0], [417.5, 273.5],
    [421.5, 251.5], [423.5, 231.5], [424.0, 212.0],
    [246.5, 177.0], [256.5, 173.5], [266.5, 172.0], [283.0, 176.0], [298.5, 180.5],
    [354.0, 182.5], [366.5, 181.5], [380.5, 180.0], [394.5, 181.0], [407.5, 188.5],
    [323.5, 199.5], [322.0, 222.0], [320.5, 242.5], [320.0, 255.5],
    [298.5, 262.5], [307.0, 268.0], [320.5, 271.5], [333.5, 269.0], [346.0, 263.5],
    [253.0, 201.0], [266.5, 194.0], [283.5, 193.5], [298.5, 206.0], [284.0, 207.5], [269.0, 206.5],
    [349.5, 208.0], [365.5, 198.5], [383.0, 199.5], [398.5, 207.0], [379.5, 212.5], [363.5, 211.5],
    [275.5, 284.5], [294.0, 285.0], [307.0, 285.0], [321.0, 287.5], [335.5, 286.0], [349.0, 287.0], [369.5, 286.5],
    [347.5, 308.5], [333.5, 316.0], [319.5, 319.0], [305.5, 316.0], [292.5, 307.5],
    [277.0, 286.0], [306.5, 292.0], [320.5, 294.5], [335.5, 293.5], [366.0, 288.5],
    [333.5, 306.5], [320.0, 307.8], [306.5, 306.0],
])  # fmt: skip

# MIRROR[i] is the partner of landmark i on the face's other side.
MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
])  # fmt: skip

# Measured by hand in the picture: the inner edges of the lips from right to left, the hair's outline and its fringe.
UPPER_LIP = np.array([
    (276, 285.5), (282, 286.5), (288, 288.5), (294, 290), (301, 292), (308, 293.5), (321, 294.5), (333, 294),
    (342, 292), (352, 290), (360, 288), (367, 288),
])  # fmt: skip
LOWER_LIP = np.array([
    (276, 285.5), (279.5, 291), (283.5, 295.5), (288.5, 300), (294, 303.5), (301, 306), (308, 307.5), (320, 307.5),
    (329, 307), (338, 305.5), (344, 303.5), (351, 300), (357.5, 295.5), (363, 291), (367, 288),
])  # fmt: skip
HAIR = np.array([
    (200, 240), (174, 205), (167, 150), (185, 92), (242, 38), (325, 11), (415, 18), (466, 70), (492, 145), (487, 200),
    (455, 247),
], float)  # fmt: skip

FRINGE = np.array([(245, 150), (280, 152), (320, 157), (360, 163), (395, 172)], float)

_HAIRLINE = [(425, 190), (424, 168), (402, 150), (360, 138), (300, 132), (250, 136), (226, 165)]
_RIGHT_EAR = [(232, 232), (213, 234), (200, 247), (208, 268), (224, 275), (234, 268)]
_LEFT_EAR = [(418, 256), (437, 255), (452, 260), (444, 280), (428, 284), (414, 278)]
_NECK = [
    (231, 295), (262, 330), (318, 360), (378, 335), (409, 310), (398, 355), (393, 388), (340, 400), (290, 392),
    (234, 378),
]  # fmt: skip


class Portrait(NamedTuple):
    """The RGB picture (960, 1280, 3) in grey levels 0–255 and its masks (960, 1280) in [0, 1], all float32."""

    picture: Array
    skin: Array
    hair: Array
    eyes: Array
    mouth: Array


def polygon(points: ArrayLike, blur_px: float) -> Array:
    """Return a filled polygon (960, 1280) in [0, 1], its edge softened by a Gaussian of σ blur_px; in frame px."""
    canvas = np.zeros((HEIGHT * SCALE, WIDTH * SCALE), np.float32)
    corners = np.asarray(points, np.float64) * SCALE + (SCALE - 1) / 2
    cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 1.0, cv2.LINE_AA)
    return soften(canvas, blur_px)


def soften(mask: Array, blur_px: float) -> Array:
    """Return a canvas picture (960, 1280) blurred by a Gaussian of σ blur_px frame px."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur_px * SCALE), np.float32)


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), np.float32)


@lru_cache(maxsize=1)
def portrait() -> Portrait:
    """Return the portrait, cut out, enlarged and masked, once per process."""
    crop = skimage.data.astronaut()[10:228, 78:368].astype(np.float32)
    picture = np.clip(cv2.resize(crop, (WIDTH * SCALE, HEIGHT * SCALE), interpolation=cv2.INTER_CUBIC), 0, 255)
    lab = cv2.cvtColor(picture / 255, cv2.COLOR_RGB2LAB)
    lightness, yellow = soften(lab[..., 0], 0.7), soften(lab[..., 2], 0.9)

    face = polygon(np.concatenate([LANDMARKS[:17], _HAIRLINE]), 1.5)
    head = _sigmoid((yellow - 9.5) / 1.2)  # the backdrop is grey; skin and hair are not
    ears = np.maximum(polygon(_RIGHT_EAR, 1.5), polygon(_LEFT_EAR, 1.5)) * head * _sigmoid((lightness - 42) / 3)
    # Strands of hair lie over forehead and temples: dark pixels there are hair; lower down they are shadow.
    brows = np.concatenate([LANDMARKS[17:22] - (0, 8), LANDMARKS[22:27] - (0, 6)])
    below = polygon(np.concatenate([brows, [(418, 215)], LANDMARKS[13:2:-1], [(234, 215)]]), 3)
    strands = _sigmoid((64 - lightness) / 4) * (1 - below)
    skin = np.maximum.reduce([face * (1 - strands), ears, polygon(_NECK, 1.5) * head])

    hair = polygon(np.concatenate([HAIR, [(425, 275), (320, 210), (215, 268)]]), 4)
    hair = np.maximum(hair, polygon((HAIR - (325, 130)) * 1.05 + (325, 130), 2)) * (1 - np.maximum(skin, below))
    hair *= np.maximum(head, _sigmoid((48 - lightness) / 4))
    eyes = np.maximum(polygon(LANDMARKS[36:42], 1.0), polygon(LANDMARKS[42:48], 1.0))
    mouth = polygon(np.concatenate([UPPER_LIP, LOWER_LIP[::-1]]), 0.6)
    return Portrait(picture, skin * (1 - eyes) * (1 - mouth), hair, eyes, mouth)
