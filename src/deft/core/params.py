"""Read ``params.yaml`` as typed parameters; unknown, missing, mistyped and contradictory keys are refused by path.

The types of the sections are in `deft.core.sections`, and what each key means is written above it in ``params.yaml``.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from deft.core import refusals
from deft.core.errors import DataError
from deft.core.sections import Backbone as Backbone
from deft.core.sections import Baseline as Baseline
from deft.core.sections import Crop as Crop
from deft.core.sections import Evaluate as Evaluate
from deft.core.sections import Expert as Expert
from deft.core.sections import Family as Family
from deft.core.sections import Features as Features
from deft.core.sections import Finetune as Finetune
from deft.core.sections import Flow as Flow
from deft.core.sections import Folds as Folds
from deft.core.sections import Format as Format
from deft.core.sections import Index as Index
from deft.core.sections import Landmarks as Landmarks
from deft.core.sections import Llm as Llm
from deft.core.sections import Lora as Lora
from deft.core.sections import Loss as Loss
from deft.core.sections import ModalityDropout as ModalityDropout
from deft.core.sections import Name, Section
from deft.core.sections import Predict as Predict
from deft.core.sections import Prior as Prior
from deft.core.sections import Render as Render
from deft.core.sections import Spotting as Spotting
from deft.core.sections import Task as Task
from deft.core.sections import Triples as Triples
from deft.core.sections import Verify as Verify

SPOTTING = Spotting(threshold=6.5, rest_s=10.0, frames_per_s=60.0, shortest_s=1.0)  # where there is no params.yaml


class Params(Section):
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
    prior: Prior
    verify: Verify
    spotting: Spotting
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


class Measurement(Section):
    """The parameters by which a clip is measured.

    They are stored with a tuned model, so that new clips are measured as its training clips were.
    """

    crop: Crop
    landmarks: Landmarks
    flow: Flow
    verify: Verify
    features: Features

    @classmethod
    def of(cls, params: Params) -> "Measurement":
        """Return the sections of ``params`` by which a clip is measured."""
        return cls(
            crop=params.crop,
            landmarks=params.landmarks,
            flow=params.flow,
            verify=params.verify,
            features=params.features,
        )

    def needs_prior(self, experts: Sequence[str]) -> bool:
        """Return whether the motion prior is needed: by the method of verification, or by one of the ``experts``."""
        by_motion = "motion" in experts and self.features.motion == "prior"
        return self.verify.method == "prior" or "field" in experts or by_motion

    @classmethod
    def read(cls, path: Path) -> "Measurement":
        """Read the parameters that were stored with a tuned model.

        Raises:
            DataError: the file holds other keys or values than this version's.

        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            fault = refusals.explain(error.errors()[0], cls)
            raise DataError(path, f"other parameters ({fault})", "those of a tuned model", "tune it again") from None


class ParamsError(Exception):
    """``params.yaml`` is invalid; the message names every path at fault."""


def load(path: str | os.PathLike[str] = "params.yaml") -> Params:
    """Read and check all parameters.

    Raises:
        ParamsError: a key is unknown, missing, mistyped or out of bounds, for example
            ``params.yaml: lora.rank: expected int ≥ 1, got "a"``.

    """
    try:
        content: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: there is no such file; run from the project's root") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return decode(content, str(path))


def spotting(path: str | os.PathLike[str] = "params.yaml") -> Spotting:
    """Read the section ``spotting``; where there is no such file, or it is another project's, return `SPOTTING`.

    Raises:
        ParamsError: as `load`, of a file that has the section.

    """
    try:
        content: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return SPOTTING
    ours = isinstance(content, dict) and "spotting" in content
    return decode(content, str(path)).spotting if ours else SPOTTING


def decode(content: Any, where: str = "params.yaml") -> Params:
    """Check parameters that are already a tree of plain values (`load`)."""
    if isinstance(content, dict) and isinstance(content.get("task"), dict):
        labels = content["task"].get("labels")  # `-S task.labels=3` writes a number
        if isinstance(labels, int) and not isinstance(labels, bool):
            content = {**content, "task": {**content["task"], "labels": str(labels)}}
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        faults = (refusals.explain(fault, Params) for fault in error.errors())
        raise ParamsError("\n".join(f"{where}: {fault}" for fault in faults)) from None
    contradictions = [f"{where}: {contradiction}" for contradiction in _contradictions(params)]
    if contradictions:
        raise ParamsError("\n".join(contradictions))
    return params


def _contradictions(params: Params) -> Iterator[str]:
    """Yield a message, path first, for each combination of values that the types of single keys cannot rule out."""
    for name, values in (
        ("datasets", params.datasets),
        ("experts", params.experts),
        ("families", params.families),
    ):
        if len(set(values)) < len(values):
            yield f"{name}: expected each name once, got {values}"
    if not params.jobs:
        yield "jobs: expected ≥ 1, or -1 for as many as there is room for, got 0"
    gpus = params.gpus_per_job
    if gpus and params.engine != "ray":
        yield f"gpus_per_job: expected 0 unless engine is ray, got {gpus:g}"
    if gpus > 1 and not gpus.is_integer():
        yield f"gpus_per_job: expected a whole number above 1, got {gpus:g}"
    verify = params.verify
    if not verify.slight_z < verify.clear_z < verify.strong_z:
        yield f"verify: expected slight_z < clear_z < strong_z, got {verify}"
    layouts = {params.index.formats.get(name, name) for name in params.datasets}
    if {"samm", "samm_long"} <= layouts:
        yield "datasets: expected samm or samm_long, got both: the same people, on both sides"
    fixed = params.folds.protocol == "fixed"
    if fixed != bool(params.folds.test):
        expected = "who is tested" if fixed else "an empty list unless folds.protocol is fixed"
        yield f"folds.test: expected {expected}, got {params.folds.test}"
    if params.backbone.width % (2 * params.backbone.heads):
        yield f"backbone.width: expected a multiple of 2 · heads, got {params.backbone.width}"
