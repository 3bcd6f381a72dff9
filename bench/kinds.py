"""The motion prior on a kind of field that it was not trained on: rendered clips, a video codec, other solvers.

A clip is encoded as H.264 at 30 frames a second and decoded; DualTVL1 or Farnebäck solves onset to apex, and the field
is resized to 28 × 28 and stored in 8 bits between its smallest and its largest value. Nobody tells where the face lies.
"""

import io
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from bench import faces
from deft.datasets import fields
from deft.facs.regions import REGIONS
from deft.motion import compensation, tvl1
from deft.prior import Answers, Prior, canonical, layout, reconstruction, registration

SEED = 4052  # no parameter was chosen on these clips
CLIPS = 240
AMPLITUDES_PX = (0.5, 0.75, 1.0, 1.5, 2.0)
HEADS_PX = (0.0, 1.0, 2.0)
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 43)
SIDE = 28
KINDS = ("ours", "DualTVL1", "Farnebäck")
QUALITY = 23  # constant rate factor of libx264

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]


class Clip(NamedTuple):
    """A rendered clip: our field on the prior's grid (2, 28, 28); onset and apex after the codec; what moved."""

    ours: Floats
    onset: Grey
    apex: Grey
    moved: dict[int, float]


class Material(NamedTuple):
    """Clips, and the fields that other solvers give of them: solver → fields (128, 128, 2) in a unit of their own."""

    clips: list[Clip]
    others: dict[str, list[Floats]]


class Registered(NamedTuple):
    """Fields on the prior's grid (n, 2, 28, 28), and the range of the places at which the faces were found."""

    fields: Floats
    places: dict[str, list[float]]


def material(peers: Path, folder: Path) -> Material:
    """Render the clips and measure them; ``peers`` is the Python of the peers' environment, ``folder`` for files."""
    work = [delayed(_clip)(number) for number in range(CLIPS)]
    made = Parallel(n_jobs=-1, return_as="generator")(work)
    clips = list(tqdm(made, total=CLIPS, desc="kinds", unit=""))
    solved: dict[str, Iterable[Floats]] = {"DualTVL1": _dual_tvl1(peers, folder, clips), "Farnebäck": _farneback(clips)}
    return Material(clips, {name: [fields.resized(packed(flow)) for flow in flows] for name, flows in solved.items()})


def registered(made: Material, prior: Prior) -> dict[str, Registered]:
    """Return the fields of each other solver, with the face where a prior finds it."""
    subjects = [f"sub{1 + number % faces.SUBJECTS:02d}" for number in range(len(made.clips))]
    results = {}
    for name, small in made.others.items():
        places = registration.estimate(small, subjects, prior)
        gridded = [canonical.field(one, place.points(one.shape)) for one, place in zip(small, places, strict=True)]
        results[name] = Registered(np.stack(gridded), registration.ranges(places))
    return results


def figures(made: Material, others: Mapping[str, Registered], reader: Prior) -> dict[str, Any]:
    """Return a prior's AUC by unit, listed against not, for our fields and for each other kind of field.

    A unit that fewer than three clips show has no AUC; ``auc`` is the mean over the others.
    """
    results = {"ours": _scores(reader.answer(np.stack([clip.ours for clip in made.clips])), made.clips)}
    for name, other in others.items():
        scores = _scores(reader.answer(other.fields, known=False), made.clips)
        results[name] = scores | {"place": other.places}
    return results


def regions(clips: Sequence[Clip]) -> dict[str, float]:
    """Return how well verdicts on regions follow the units, in our fields of clips whose strongest unit moves by 1 px.

    own: the share of moving regions that a clip's own units explain. without: the share that they still explain once
    the unit is taken away that moves a region, by four fifths of the square or more. A region moves if its mean length
    is at least a third of the largest region's.
    """
    weights, motions = reconstruction.region_weights(), reconstruction.motion_by_output()[0]
    own, without = list[bool](), list[bool]()
    for clip in clips:
        if max(clip.moved.values(), default=0.0) < 1:
            continue
        square = {
            unit: _square(amplitude_px * motions[layout.numbers(unit, None)].sum(0), weights)
            for unit, amplitude_px in clip.moved.items()
        }
        length = np.sqrt(_square(clip.ours, weights) / weights.sum((1, 2)))
        expected = sum(square.values())
        moving = (length > length.max() / 3) & (expected > 0.05 * np.max(expected))
        own += _explained(clip.ours, clip.moved)[moving].tolist()
        for unit, alone in square.items():
            others = [other for other in clip.moved if other != unit]
            without += _explained(clip.ours, others)[moving & (alone > 0.8 * expected)].tolist()
    return {"own": round(float(np.mean(own)), 3), "without": round(float(np.mean(without)), 3), "regions": len(own)}


def _square(motion: Floats, weights: Floats) -> Floats:
    """Return the squared length of a motion (2 · 28 · 28 numbers) in each region, by its weights (17, 28, 28)."""
    return np.asarray(np.einsum("rhw,chw->r", weights, motion.reshape(2, *weights.shape[1:]) ** 2), np.float32)


def _explained(field: Floats, units: Iterable[int]) -> NDArray[np.bool_]:
    """Return which regions (17,) units explain."""
    names = reconstruction.explained_regions(field, [(unit, None) for unit in units])
    return np.isin(REGIONS, sorted(names))


def _clip(number: int) -> Clip:
    """Render and measure a clip."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([SEED, number])
    amplitude, head = (float(rng.choice(choices)) for choices in (AMPLITUDES_PX, HEADS_PX))
    blink, gaze = rng.random() < 0.1, rng.random() < 0.15
    scene = faces.render(SEED, number, faces.Conditions(amplitude, head, bool(blink), bool(gaze)))
    onset, *steps, apex = scene.crops
    stable = compensation.stable_area(scene.points, onset.shape)
    flow = compensation.compensate(tvl1.flow(onset, apex), stable).flow
    decoded = decoded_h264([onset, onset, *steps, apex, apex])
    return Clip(canonical.field(flow, scene.points), decoded[1], decoded[-2], scene.moved)


def decoded_h264(frames: Sequence[Grey]) -> list[Grey]:
    """Return frames (256, 256) after H.264."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as video:
        stream = video.add_stream("libx264", rate=30, options={"crf": str(QUALITY)})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray").reformat(format="yuv420p")))
        video.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as video:
        return [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]


def _dual_tvl1(peers: Path, folder: Path, clips: Sequence[Clip]) -> Floats:
    """Return DualTVL1's flows (n, 256, 256, 2), solved in the peers' environment."""
    pictures, flows = folder / "kinds.npz", folder / "kinds.npy"
    np.savez(pictures, allow_pickle=False, onset=[clip.onset for clip in clips], apex=[clip.apex for clip in clips])
    subprocess.run([str(peers), "-c", _SOLVE, str(pictures), str(flows)], check=True)
    return np.asarray(np.load(flows), np.float32)


_SOLVE = """
import sys
import cv2
import numpy as np
with np.load(sys.argv[1]) as pictures:
    pairs = zip(pictures["onset"], pictures["apex"])
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    np.save(sys.argv[2], np.stack([solver.calc(onset, apex, None) for onset, apex in pairs]))
"""


def _farneback(clips: Sequence[Clip]) -> list[Floats]:
    """Return Farnebäck's flow (256, 256, 2) of each clip, with the parameters of OpenCV's own example."""
    return [
        np.asarray(cv2.calcOpticalFlowFarneback(clip.onset, clip.apex, None, 0.5, 3, 15, 3, 5, 1.2, 0), np.float32)
        for clip in clips
    ]


def packed(flow: Floats) -> Floats:
    """Return a field (28, 28, 2) in 8 bits from its smallest to its largest value, in [0, 1]."""
    small = cv2.resize(flow, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    low, high = small.min(), small.max()
    return np.asarray(np.round((small - low) / max(high - low, 1e-9) * 255) / 255, np.float32)


def _scores(answers: Answers, clips: Sequence[Clip]) -> dict[str, Any]:
    """Return the AUC of each unit's score, clips that show it against all others, and their mean."""
    aucs = {}
    for unit in UNITS:
        shown = np.array([clip.moved.get(unit, 0.0) > 0 for clip in clips])
        if shown.sum() >= 3:
            scores = answers.listed_either[:, layout.UNITS.index(unit)]
            aucs[str(unit)] = round(float(roc_auc_score(shown, scores)), 4)
    return {"auc": round(float(np.mean(list(aucs.values()))), 4), "units": aucs}


def rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the table's rows: the kind of field, the mean AUC, the worst unit's."""
    return [(name, f"{kind['auc']:.3f}", f"{min(kind['units'].values()):.3f}") for name, kind in results.items()]
