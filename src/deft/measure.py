"""The one way to measure a clip: frames → crops → landmarks → flow; from the flow evidence, and from all three tokens.

The stages call one function each and keep what it returns in a table; `clip` takes all steps for one event of a video,
whose frames the caller picks by `crop_positions`. Both ways give the same numbers, bit for bit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft import experts
from deft.core.errors import DataError
from deft.core.params import Crop, Features, Flow, Landmarks, Measurement, Verify
from deft.face import Points, align, backend, far, mesh
from deft.media import Image, pictures
from deft.motion import evidence, steps, verification
from deft.motion.evidence import Evidence
from deft.motion.steps import Step

Flows = npt.NDArray[np.float32]  # (steps, H, W, 2), crop pixels, x right, y down, onset → step


class Crops(NamedTuple):
    """A clip's face crops, and the transform that made all of them.

    images: position in the clip → RGB crop (size_px, size_px, 3), from onset to offset.
    matrix: frame pixels → crop pixels, float64 (2, 3).
    """

    images: dict[int, Image]
    matrix: align.Matrix


class Expression(NamedTuple):
    """What a clip's motion shows.

    evidence: one per region, in the order of `deft.facs.regions.REGIONS`.
    scores: how likely each unit moved, by unit and side, if it is as likely to have moved as not.
    moved: the units that the motion shows, whether a sheet lists them or not.
    hidden: units that this clip cannot show.
    """

    evidence: list[Evidence]
    scores: verification.Scores
    moved: frozenset[int]
    hidden: frozenset[int]


class Measured(NamedTuple):
    """All that is measured of a clip, in crop pixels.

    crops: position in the clip → RGB crop (size_px, size_px, 3), from onset to offset.
    points: the onset's landmarks (68, 2).
    flows: onset → step (steps, H, W, 2); the last step is the apex.
    evidence: one per region, in the order of `deft.facs.regions.REGIONS`.
    tokens: expert → its tokens (tokens, dim).
    """

    crops: dict[int, Image]
    points: Points
    flows: Flows
    evidence: list[Evidence]
    tokens: dict[str, experts.Tokens]


def crop_positions(onset: int, apex: int, offset: int, params: Crop) -> list[int]:
    """Return the positions of a clip's frames that are cropped, from onset to offset, the apex among them."""
    return align.sampled_positions(onset, apex, offset, params.frames)


def crop(frames: Mapping[int, Image], onset: int, params: Crop, place: tuple[float, float] | None = None) -> Crops:
    """Cut the face out of frames (H, W, 3), by position, all with the transform of the onset's face.

    The onset's eyes are found by MediaPipe, whatever ``landmarks.backend`` is: FAN needs a crop to begin with. Of
    several faces it is the one whose middle is at ``place`` (x, y), in px of the frame; without one, the largest.

    Raises:
        NoFaceError: no face is seen on the onset, or none at ``place``.

    """
    near = None if place is None else np.array([place], np.float32)  # (1, 2)
    matrix = align.transform(mesh.landmarks(frames[onset], near), params.size_px, params.iod_px, params.eye_line)
    images = {position: align.cut(frame, matrix, params.size_px) for position, frame in frames.items()}
    return Crops(images, matrix)


def landmarks(onset: Image, params: Landmarks) -> Points:
    """Return the 68 landmarks (68, 2) of the onset's crop (H, W, 3), in crop pixels.

    Raises:
        NoFaceError: no face is seen.

    """
    return backend(params.backend)(onset)


def flow_positions(cropped: Iterable[int], onset: int, apex: int, params: Flow) -> list[int]:
    """Return the positions, of those cropped, to which the motion is measured; the last is the apex."""
    return steps.positions(cropped, onset, apex, params.steps)


def flow(crops: Mapping[int, Image], points: Points, onset: int, targets: Sequence[int], params: Flow) -> list[Step]:
    """Return the motion from the onset to each of the `flow_positions`, from crops (H, W, 3) by position.

    The head's motion is removed if ``params.compensated``. Where skin moves far, the face mesh leads the way
    (`deft.face.far`).

    Raises:
        ValueError: the landmarks are not those of a face in the crop.

    """
    grey = {position: pictures.grey(crops[position]) for position in {onset, *targets}}  # (H, W) each
    starts = far.guesses(crops, onset, targets)
    return [_as_stored(step) for step in steps.measure(grey, points, onset, targets, params.compensated, starts)]


def flow_of_field(field: npt.NDArray[np.float32], points: Points, apex: int, params: Flow) -> list[Step]:
    """Return the only step of a clip that comes as flow, from its field (H, W, 2); the rest as in `flow`."""
    return [_as_stored(steps.from_field(field, points, apex, params.compensated))]


def expression(
    flows: Flows,
    points: Points,
    noise_px: float,
    params: Verify,
    reading: verification.Reading | None,
) -> Expression:
    """Return what flows (steps, H, W, 2) show, with the landmarks (68, 2) and the noise at the apex.

    reading: what the motion prior says of the flow at the apex; without one, the rules score the units.
    """
    thresholds = (params.slight_z, params.clear_z, params.strong_z)
    if reading is None:
        regions = evidence.measure(flows, points, noise_px, thresholds)
        calibration = verification.Calibration(params.even_z, params.slope)
        scores = verification.rule_scores(evidence.by_region(regions), calibration)
        moved = frozenset(unit for (unit, side), score in scores.items() if side is None and score >= params.supported)
        return Expression(regions, scores, moved, frozenset())
    regions = evidence.measure(flows, points, noise_px * reading.noise_share, thresholds)
    return Expression(regions, reading.scores, reading.moved, reading.hidden)


def tokens(expert: str, clips: Sequence[experts.Clip], params: Features) -> list[experts.Tokens | DataError]:
    """Return an expert's tokens of each clip (tokens, dim), or a DataError where some are NaN or infinite.

    Raises:
        DataError: the model named in ``params`` for the expert cannot be loaded.

    """
    encoded = experts.tokens(expert, clips, params)
    return [experts.fault(expert, one, params) or one for one in encoded]


def clip(
    frames: Mapping[int, Image],
    onset: int,
    apex: int,
    expert_names: Sequence[str],
    params: Measurement,
    reader: verification.Reader | None,
    rest_noise: float | None = None,
    place: tuple[float, float] | None = None,
) -> Measured:
    """Measure a clip from its frames (H, W, 3) at `crop_positions`, by position in ascending order.

    ``reader`` is the motion prior, None where nothing needs it (`Measurement.needs_prior`). ``rest_noise``, in eye
    distances, is the noise of the face at rest; without it, the flow at the apex tells the noise, of which a broad
    expression leaves too little still. ``place`` is as in `crop`.

    Raises:
        NoFaceError: no face is seen on the onset, or none at ``place``.
        DataError: the model that stands for an expert cannot be used, or gives no numbers.

    """
    crops = crop(frames, onset, params.crop, place).images
    points = landmarks(crops[onset], params.landmarks)
    targets = flow_positions(crops, onset, apex, params.flow)
    measured_steps = flow(crops, points, onset, targets, params.flow)
    flows = np.stack([step.flow for step in measured_steps])  # (steps, H, W, 2)
    noise_px = measured_steps[-1].noise_px if rest_noise is None else rest_noise * params.crop.iod_px
    reading = reader.read(flows[-1], points, True) if reader else None
    inputs = experts.Clip(list(crops.values()), points, flows, noise_px, reading)
    judged = reading if params.verify.method == "prior" else None
    return Measured(
        crops=crops,
        points=points,
        flows=flows,
        evidence=expression(flows, points, noise_px, params.verify, judged).evidence,
        tokens={name: _tokens(name, inputs, params.features) for name in expert_names},
    )


def _tokens(expert: str, clip: experts.Clip, params: Features) -> experts.Tokens:
    (outcome,) = tokens(expert, [clip], params)
    if isinstance(outcome, DataError):
        raise outcome
    return outcome


def _as_stored(step: Step) -> Step:
    """Round a step to the precision of the flow table, which later stages read: float16 fields, float32 figures."""
    return step._replace(
        flow=step.flow.astype(np.float16).astype(np.float32),
        residual_px=float(np.float32(step.residual_px)),
        noise_px=float(np.float32(step.noise_px)),
    )
