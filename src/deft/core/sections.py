"""Types and bounds of the sections of ``params.yaml``; what each key means is written above it in that file."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.+-]*$")]
Expert = Literal["structure", "texture", "motion", "field"]
Family = Literal["deft"]
Format = Literal[
    "casme2", "samm", "smic", "casme3", "casme_squared", "samm_long", "dfme", "mmew", "casme", "fourdme", "flow"
]


class Section(BaseModel):
    """A section of ``params.yaml``: immutable, without unknown keys, and without conversion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Render(Section):
    """Parameters of the rendered corpus."""

    seed: Seed
    subjects: Annotated[int, Field(ge=2, le=99)]
    clips: Count
    wrong: Share
    layouts: list[Format]


class Index(Section):
    """Parameters of the readers of label sheets."""

    corrections: bool
    formats: dict[Name, Format]


class Crop(Section):
    """Parameters of face cropping."""

    size_px: Annotated[int, Field(ge=64, le=1024)]
    iod_px: Annotated[int, Field(ge=16)]
    eye_line: Share
    frames: Annotated[int, Field(ge=3)]


class Landmarks(Section):
    """Parameters of landmark detection."""

    backend: Literal["mediapipe", "face_alignment"]


class Flow(Section):
    """Parameters of optical flow."""

    steps: Count
    compensated: bool


class Spotting(Section):
    """Parameters of the search for events in a video."""

    threshold: Positive
    rest_s: Annotated[float, Field(ge=1, le=20)]
    frames_per_s: Annotated[float, Field(ge=10)]
    shortest_s: Positive


class Prior(Section):
    """Parameters of the motion prior."""

    seed: Seed
    fields: Annotated[int, Field(ge=1000)]


class Verify(Section):
    """Parameters of evidence and verification."""

    method: Literal["prior", "rules"]
    slight_z: Positive
    clear_z: Positive
    strong_z: Positive
    even_z: Positive
    slope: Positive
    supported: Share


class Triples(Section):
    """Parameters of the training texts."""

    verified: bool
    regions: Annotated[int, Field(ge=1, le=17)]


class Task(Section):
    """The set of classes."""

    labels: Literal["native", "3", "5", "7", "objective"]


class Folds(Section):
    """The protocol that decides which subjects are held out."""

    protocol: Literal["loso", "lodo", "fixed"]
    test: list[str]


class Features(Section):
    """The model of each expert, and the size of its tokens."""

    structure: str
    texture: str
    motion: str
    field: Literal["default"]
    grid: Annotated[int, Field(ge=1, le=16)]
    tokens: Count
    batch: Count


class Backbone(Section):
    """Parameters of the small Llama."""

    seed: Seed
    width: Count
    layers: Count
    heads: Count
    vocabulary: Annotated[int, Field(ge=300)]
    steps: Count
    batch: Count
    learning_rate: Positive


class Llm(Section):
    """The language model that is tuned."""

    base: str
    four_bit: bool


class Lora(Section):
    """Parameters of the LoRA adapters."""

    rank: Count
    alpha: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Weight
    targets: Literal["all-linear"] | Annotated[list[str], Field(min_length=1)]


class Loss(Section):
    """Weights and parameters of the losses."""

    text: Weight
    emotion: Weight
    units: Weight
    decorrelation: Weight
    gamma_negative: Weight
    margin: Annotated[float, Field(ge=0, lt=0.5)]


class ModalityDropout(Section):
    """The probability of hiding each expert in training."""

    structure: Share
    texture: Share
    motion: Share
    field: Share


class Finetune(Section):
    """Parameters of the training loop."""

    seed: Seed
    seeds: Count
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


class Predict(Section):
    """Parameters of generation."""

    batch: Count


class Baseline(Section):
    """Parameters of the baselines."""

    penalty: Positive
    epochs: Count
    seed: Seed


class Evaluate(Section):
    """Parameters of scoring."""

    resamples: Count
    seed: Seed
