"""How many events are found in photographs: shown for ten seconds in many encodings, panned, zoomed and turned.

Whatever is found in them is false: nothing in a photograph moves by itself.
"""

import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import skimage.data
from joblib import Parallel, delayed
from tqdm import tqdm

from bench.encodings import ENCODINGS, H264, Encoding, encode
from bench.events import PLAYED_FPS, spot
from deft.media import Image, pictures
from deft.render import camera

SECONDS = 10.0
WIDTH, HEIGHT = 640, 480
FORMATS = ((15, 1.0), (25, 1.0), (30, 1.0), (30, 0.5))  # frames per second, and the share of the size
PAN_PX, ZOOM, TURN_DEG, PERIOD_S = 40.0, 0.15, 8.0, 4.0  # to either side

Motion = Callable[[float], tuple[float, float, float]]  # of a phase: degrees, factor of size, px to the right
MOTIONS: dict[str, Motion] = {
    "panned": lambda phase: (0.0, 1.0, PAN_PX * float(np.sin(phase))),
    "zoomed": lambda phase: (0.0, 1.0 + ZOOM * float(1 - np.cos(phase)), 0.0),
    "turned": lambda phase: (TURN_DEG * float(np.sin(phase)), 1.0, 0.0),
}


def photographs() -> dict[str, Image]:
    """Return the portraits that ship with scikit-image and matplotlib, both of NASA and the US Navy: public domain.

    Each is cut and enlarged to (480, 640, 3), RGB.
    """
    hopper = pictures.read(Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    crops = {"Eileen Collins": skimage.data.astronaut()[0:288, 32:416], "Grace Hopper": hopper[20:404]}
    return {name: _fitted(np.asarray(crop)) for name, crop in crops.items()}


def figures() -> dict[str, object]:
    """Return how many expressions and blinks are found in photographs, and in how many of the videos anything is.

    ``still`` sums over every encoding in four formats, ``encodings`` gives the number for each; the others show moved
    photographs in H.264.
    """
    portraits = list(photographs().values())
    still = [
        delayed(found)(portraits[number % len(portraits)], encoding, fps, size, None)
        for number, (encoding, (fps, size)) in enumerate(product(ENCODINGS, FORMATS))
    ]
    moved = [delayed(found)(image, H264[23], PLAYED_FPS, 1.0, name) for name in MOTIONS for image in portraits]
    work = Parallel(n_jobs=-1, return_as="generator")([*still, *moved])
    counts = list(tqdm(work, desc="stills", total=len(still) + len(moved), unit=""))
    kinds = {"still": counts[: len(still)]}
    for index, name in enumerate(MOTIONS):
        start = len(still) + index * len(portraits)
        kinds[name] = counts[start : start + len(portraits)]
    by_encoding = {
        encoding.name: sum(counts[start : start + len(FORMATS)])
        for encoding, start in zip(ENCODINGS, range(0, len(still), len(FORMATS)), strict=True)
    }
    return {
        **{f"{kind}_events": sum(part) for kind, part in kinds.items()},
        **{f"{kind}_videos_with_events": sum(bool(count) for count in part) for kind, part in kinds.items()},
        **{f"{kind}_videos": len(part) for kind, part in kinds.items()},
        "encodings": by_encoding,
    }


def found(image: Image, encoding: Encoding, fps: int, size: float, motion: str | None) -> int:
    """Return the number of expressions and blinks that are found in a photograph, shown in an encoding."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"still{encoding.suffix}"
        encode(shown(image, fps, size, motion), path, encoding, fps)
        spotted = spot(path)
    return len(spotted.expressions) + len(spotted.blinks)


def shown(image: Image, fps: int, size: float = 1.0, motion: str | None = None) -> Iterator[Image]:
    """Yield the frames of a photograph (H, W, 3) that is shown for ten seconds, its motion a key of `MOTIONS`."""
    image = np.asarray(cv2.resize(image, None, fx=size, fy=size, interpolation=cv2.INTER_AREA))
    height, width = image.shape[:2]
    for number in range(round(SECONDS * fps)):
        if motion is None:
            yield image
            continue
        degrees, scale, right = MOTIONS[motion](2 * np.pi * number / fps / PERIOD_S)
        matrix = camera.similarity(np.array([width / 2, height / 2]), degrees, scale, np.array([right, 0]))
        border = cv2.BORDER_REFLECT_101
        yield np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=border))


def _fitted(image: Image) -> Image:
    """Return the middle of an image in the proportions 4 to 3, resized to (480, 640, 3)."""
    height = min(image.shape[0], image.shape[1] * HEIGHT // WIDTH)
    width = height * WIDTH // HEIGHT
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    cropped = image[top : top + height, left : left + width]
    return np.asarray(cv2.resize(cropped, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
