"""DEFT-LLM: micro-expression recognition whose words are grounded in measured facial motion."""

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deft.language import Triple

# Nothing leaves the machine unless the user says so: `HF_HUB_OFFLINE=0` lets a model's name be fetched.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def predict(video: str | Path, model: str | Path = "models/deft/final") -> "Triple":
    """Return the triple (C, E, R) of the strongest event in a video file or a folder of images.

    ``model`` is the folder of a tuned model.

    Raises:
        deft.core.errors.NoFaceError: no face is seen.
        deft.core.errors.DataError: the video or the model cannot be read, or no face moves above the video's noise.

    """
    strongest = importlib.import_module("deft.inference").strongest  # torch takes seconds to import
    triple: Triple = strongest(Path(video), Path(model)).triple
    return triple
