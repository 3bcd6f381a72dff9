"""From a video that nobody labelled to a triple: find the face and the moment, measure, answer."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deft import experts
from deft.errors import DataError, NoFaceError
from deft.face import Image, Points, align, backend, mesh, pictures, video
from deft.language import triple
from deft.learn import answer
from deft.models import store
from deft.motion import evidence, spotting, steps


class Seen(NamedTuple):
    """An answer and all that it rests on. Positions are the video's frames from 0, pictures are RGB crops."""

    triple: triple.Triple
    emotions: dict[str, float]  # the head's probabilities
    units: dict[int, float]
    onset: int
    apex: int
    fps: float
    before: Image
    after: Image
    points: Points
    flow: npt.NDArray[np.float32]
    evidence: list[evidence.Evidence]


def watch(path: Path, folder: Path, onset: int | None = None, apex: int | None = None) -> Seen:
    """Answer for a video file or a folder of pictures with the tuned model in ``folder``.

    Without ``onset`` and ``apex`` (frames from 0) the moment of largest facial motion is found.

    Raises:
        NoFaceError: no face is seen in the video, or at the given onset.
        DataError: the video or the model cannot be read, or onset and apex do not fit it.

    """
    dials = store.dials(folder)
    source = video.open_source(path)
    if onset is None or apex is None:
        onset, apex = _moment(source, dials["crop"], onset, apex)
    if not 0 <= onset <= apex:
        raise DataError(path, f"onset {onset}, apex {apex}", "0 ≤ onset ≤ apex", "swap or mend them")
    positions = align.spread(onset, apex, 2 * apex - onset, dials["crop"]["frames"])
    wanted = frozenset(positions)
    until_last = islice(video.frames(source), positions[-1] + 1)
    kept = {at: frame for at, frame in enumerate(until_last) if at in wanted}
    if apex not in kept:
        raise DataError(path, f"no frame {apex}", "an apex within the video", "give a smaller --apex")
    return _answer(kept, onset, apex, source.fps, folder, dials)


def _answer(kept: dict[int, Image], onset: int, apex: int, fps: float, folder: Path, dials: dict[str, Any]) -> Seen:
    geometry = {name: dials["crop"][name] for name in ("size_px", "iod_px", "eye_line")}
    matrix = align.transform(mesh.landmarks(kept[onset]), **geometry)
    crops = {at: align.cut(frame, matrix, geometry["size_px"]) for at, frame in kept.items()}
    points = backend(dials["landmarks"]["backend"])(crops[onset])
    grey = {at: pictures.grey(crop) for at, crop in crops.items()}
    at = steps.positions(grey, onset, apex, dials["flow"]["steps"])
    moved = steps.measure(grey, points, onset, at, dials["flow"]["compensated"])
    flows = np.stack([step.flow for step in moved])
    levels = tuple(dials["verify"][name] for name in ("slight_z", "clear_z", "strong_z"))
    found = evidence.measure(flows, points, moved[-1].noise, levels)
    model, tokenizer = store.load(folder)
    clip, eyes = experts.Clip(list(crops.values()), points, flows, moved[-1].noise), dials["features"]
    views = {
        expert: np.stack(experts.look(expert, eyes[expert], [clip], eyes["grid"], eyes["tokens"]))
        for expert in model.shape.experts
    }
    given = answer.answer(model, tokenizer, triple.TASK, views)[0]
    said = triple.parse(given.text)
    if said is None:
        raise DataError(folder, f'the answer "{given.text}"', "a whole triple", "tune the model for longer")
    emotions = dict(zip(model.shape.emotions, given.emotions, strict=True))
    units = dict(zip(model.shape.units, given.units, strict=True))
    return Seen(said, emotions, units, onset, apex, fps, crops[onset], crops[apex], points, moved[-1].flow, found)


def _moment(source: video.Source, geometry: dict[str, Any], onset: int | None, apex: int | None) -> tuple[int, int]:
    """Onset and apex of the strongest motion; a given one of the two is kept."""
    best: tuple[float, int, int] | None = None
    for start, crops, points in _stretches(source, geometry, onset):
        if apex is not None and start >= apex:
            break
        if onset is not None:
            moment = spotting.apex(crops, points, 0, min(len(crops) - 1, spotting.length(source.fps)))
        else:
            until = len(crops) if apex is None else apex - start + 1
            moment = spotting.onset(crops[:until], points, source.fps) if until > 1 else spotting.Moment(0, 0, 0.0)
        best = max(filter(None, (best, (moment.strength, start + moment.onset, start + moment.apex))))
        if onset is not None:
            break
    if best is None:
        raise NoFaceError(source.path, "no face in any frame", "a face seen from the front", "use another video")
    return best[1] if onset is None else onset, best[2] if apex is None else apex


def _stretches(
    source: video.Source, geometry: dict[str, Any], onset: int | None
) -> Iterator[tuple[int, list[npt.NDArray[np.uint8]], Points]]:
    """Start, grey crops and landmarks of stretches twice a micro-expression long that overlap by half.

    Each is cut with its own first frame's landmarks, so that a head may wander; a stretch that starts without a face is
    passed over. Memory does not grow with the video.
    """
    long, held, start = 2 * spotting.length(source.fps), list[Image](), onset or 0
    for frame in islice(video.frames(source), start, None):
        held.append(frame)
        if len(held) == long:
            yield from _stretch(start, held, geometry)
            held, start = held[long // 2 :], start + long // 2
    if len(held) > 1:
        yield from _stretch(start, held, geometry)


def _stretch(
    start: int, frames: list[Image], geometry: dict[str, Any]
) -> Iterator[tuple[int, list[npt.NDArray[np.uint8]], Points]]:
    try:
        found = mesh.landmarks(frames[0])
    except NoFaceError:
        return
    size = geometry["size_px"]
    matrix = align.transform(found, size, geometry["iod_px"], geometry["eye_line"])
    crops = [pictures.grey(align.cut(frame, matrix, size)) for frame in frames]
    yield start, crops, align.moved(found, matrix)
