"""Typed dials: ``params.yaml`` decoded, with everything unknown or mistyped refused by its path.

What each key means stands above it in ``params.yaml``; here are its type and its bounds.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deft.core import refusals
from deft.core.errors import DataError

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.+-]*$")]
Expert = Literal["structure", "texture", "motion"]
Family = Literal["deft"]
Format = Literal[
    "casme2", "samm", "smic", "casme3", "casme_squared", "samm_long", "dfme", "mmew", "casme", "fourdme", "flow"
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Render(_Section):
    """Dials of the rendered corpus."""

    seed: Seed
    subjects: Annotated[int, Field(ge=2, le=99)]
    clips: Count
    wrong: Share
    layouts: list[Format]


class Index(_Section):
    """Dials of the label sheets' readers."""

    corrections: bool
    formats: dict[Name, Format]


class Crop(_Section):
    """Dials of face cropping."""

    size_px: Annotated[int, Field(ge=64, le=1024)]
    iod_px: Annotated[int, Field(ge=16)]
    eye_line: Share
    frames: Annotated[int, Field(ge=3)]


class Landmarks(_Section):
    """Dials of landmarking."""

    backend: Literal["mediapipe", "face_alignment"]


class Flow(_Section):
    """Dials of optical flow."""

    steps: Count
    compensated: bool


class Verify(_Section):
    """Dials of evidence and verification."""

    slight_z: Positive
    clear_z: Positive
    strong_z: Positive
    even_z: Positive
    slope: Positive
    supported: Share


class Triples(_Section):
    """Dials of the training texts."""

    verified: bool
    regions: Annotated[int, Field(ge=1, le=17)]


class Task(_Section):
    """Which classes are told apart."""

    labels: Literal["native", "3", "5", "7", "objective"]


class Folds(_Section):
    """Who is held out."""

    protocol: Literal["loso", "lodo", "fixed"]
    test: list[str]


class Features(_Section):
    """Who the experts are, and what they give."""

    structure: str
    texture: str
    motion: str
    grid: Annotated[int, Field(ge=1, le=16)]
    tokens: Count
    batch: Count


class Backbone(_Section):
    """Dials of the small Llama."""

    seed: Seed
    width: Count
    layers: Count
    heads: Count
    vocabulary: Annotated[int, Field(ge=300)]
    steps: Count
    batch: Count
    learning_rate: Positive


class Llm(_Section):
    """Which language model is tuned."""

    base: str
    four_bit: bool


class Lora(_Section):
    """Dials of the adapters."""

    rank: Count
    alpha: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Weight
    targets: Literal["all-linear"] | Annotated[list[str], Field(min_length=1)]


class Loss(_Section):
    """The hybrid objective."""

    text: Weight
    emotion: Weight
    units: Weight
    decorrelation: Weight
    gamma_negative: Weight
    margin: Annotated[float, Field(ge=0, lt=0.5)]


class ModalityDropout(_Section):
    """How often each expert is hidden in training."""

    structure: Share
    texture: Share
    motion: Share


class Finetune(_Section):
    """Dials of the training loop."""

    seed: Seed
    epochs: Count
    max_steps: Count
    batch: Count
    gradient_accumulation: Count
    learning_rate: Positive
    weight_decay: Weight
    components: Count
    component_noise: Weight
    alignment_steps: Annotated[int, Field(ge=0)]
    modality_dropout: ModalityDropout
    gradient_checkpointing: bool
    validation_share: Annotated[float, Field(ge=0, lt=1)]
    text_weight: Weight


class Predict(_Section):
    """Dials of generation."""

    batch: Count


class Baseline(_Section):
    """Dials of the baselines."""

    penalty: Positive
    epochs: Count
    seed: Seed


class Evaluate(_Section):
    """Dials of scoring."""

    resamples: Count
    seed: Seed


class Params(_Section):
    """All of ``params.yaml``."""

    engine: Literal["processes", "ray"]
    jobs: Annotated[int, Field(ge=-1)]
    gpus_per_job: Annotated[float, Field(ge=0)]
    strict: bool
    datasets: Annotated[list[Name], Field(min_length=1)]
    experts: Annotated[list[Expert], Field(min_length=1)]
    families: Annotated[list[Family], Field(min_length=1)]
    render: Render
    index: Index
    crop: Crop
    landmarks: Landmarks
    flow: Flow
    verify: Verify
    triples: Triples
    task: Task
    folds: Folds
    features: Features
    backbone: Backbone
    llm: Llm
    lora: Lora
    loss: Loss
    finetune: Finetune
    predict: Predict
    baseline: Baseline
    evaluate: Evaluate


class Measurement(_Section):
    """How a clip is measured; stored beside a tuned model, so that new clips are measured like its training clips."""

    crop: Crop
    landmarks: Landmarks
    flow: Flow
    verify: Verify
    features: Features

    @classmethod
    def of(cls, params: Params) -> "Measurement":
        """Return the sections of ``params`` that say how a clip is measured."""
        return cls(**{name: getattr(params, name) for name in cls.model_fields})

    @classmethod
    def read(cls, path: Path) -> "Measurement":
        """Read what a tuned model was saved with.

        Raises:
            DataError: the file holds other keys or values than this version's.

        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            fault = refusals.explain(error.errors()[0], cls)
            raise DataError(path, f"other parameters ({fault})", "those of a tuned model", "tune it again") from None


class ParamsError(Exception):
    """``params.yaml`` is not what it must be; the message names every path at fault."""


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check all dials.

    Raises:
        ParamsError: a key is unknown, missing, mistyped or out of bounds, for example
            ``params.yaml: lora.rank: expected int ≥ 1, got "a"``.

    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: there is no such file; run from the project's root") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return decode(content, str(path))


def decode(content: Any, where: str = "params.yaml") -> Params:
    """Check dials that are already a tree of plain values (see `load`)."""
    if isinstance(content, dict) and isinstance(content.get("task"), dict):
        labels = content["task"].get("labels")  # `-S task.labels=3` writes a number
        if isinstance(labels, int) and not isinstance(labels, bool):
            content = {**content, "task": {**content["task"], "labels": str(labels)}}
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        faults = (refusals.explain(fault, Params) for fault in error.errors())
        raise ParamsError("\n".join(f"{where}: {fault}" for fault in faults)) from None
    for name in ("datasets", "experts", "families"):
        if len(set(values := getattr(params, name))) < len(values):
            raise ParamsError(f"{where}: {name}: expected each name once, got {values}")
    if not params.jobs:
        raise ParamsError(f"{where}: jobs: expected ≥ 1, or -1 for as many as there is room for, got 0")
    gpus = params.gpus_per_job
    if gpus and params.engine != "ray":
        raise ParamsError(f"{where}: gpus_per_job: expected 0 unless engine is ray, got {gpus:g}")
    if gpus > 1 and not gpus.is_integer():
        raise ParamsError(f"{where}: gpus_per_job: expected a whole number above 1, got {gpus:g}")
    verify = params.verify
    if not verify.slight_z < verify.clear_z < verify.strong_z:
        raise ParamsError(f"{where}: verify: expected slight_z < clear_z < strong_z, got {verify}")
    layouts = {params.index.formats.get(name, name) for name in params.datasets}
    if {"samm", "samm_long"} <= layouts:
        raise ParamsError(f"{where}: datasets: expected samm or samm_long, got both: the same people, on both sides")
    if (params.folds.protocol == "fixed") != bool(params.folds.test):
        fixed = params.folds.protocol == "fixed"
        expected = "who is tested" if fixed else "an empty list unless folds.protocol is fixed"
        raise ParamsError(f"{where}: folds.test: expected {expected}, got {params.folds.test}")
    if params.backbone.width % (2 * params.backbone.heads):
        raise ParamsError(f"{where}: backbone.width: expected a multiple of 2 · heads, got {params.backbone.width}")
    return params
