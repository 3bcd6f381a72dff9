"""Any Hugging Face vision model as an expert: frozen, in batches, in half precision on a GPU.

An image model sees the onset (structure), or the motion at the apex as colours (motion); a video model sees frames
spread evenly over the clip (texture), or the motion's steps as colours (motion).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from transformers import AutoImageProcessor, AutoModel
from transformers.utils import logging

from deft.core import checkpoints
from deft.core.errors import DataError
from deft.experts.clip import Clip
from deft.media import Image

_STRONG = 25.0  # multiples of the clip's noise at which a motion has its full colour
_IMAGE, _VIDEO = "an image model", "a video model"
_KINDS = {"structure": (_IMAGE,), "texture": (_VIDEO,), "motion": (_IMAGE, _VIDEO)}


class Vision(NamedTuple):
    """A frozen model with its own preparation of pictures; ``frames`` is how many a video model takes, None: images."""

    model: Any
    processor: Any
    frames: int | None


def look(expert: str, name: str, clips: Sequence[Clip], tokens: int) -> list[npt.NDArray[np.float32]]:
    """What the model ``name`` sees in each clip, float32 (tokens, dim).

    Its last hidden states are cut into ``tokens`` equal stretches and averaged: strips of a face from top to bottom, or
    of a video from start to end.

    Raises:
        DataError: there is no such model, or it is not of the kind that this expert can be.

    """
    vision = load(expert, name)
    shown = [_shown(expert, clip, vision.frames) for clip in clips]
    pixels = torch.cat([_pixels(vision, pictures) for pictures in shown]).to(vision.model.device, vision.model.dtype)
    with torch.inference_mode():
        hidden = vision.model(pixels).last_hidden_state.float()
    if hidden.ndim == 4:  # a convolutional model's map (B, dim, H, W)
        hidden = hidden.flatten(2).mT
    return list(functional.adaptive_avg_pool1d(hidden.mT, tokens).mT.cpu().numpy())


@cache
def load(expert: str, name: str) -> Vision:
    """A vision model in safetensors, from a folder or a Hugging Face name; once a process (raises as `look`)."""
    where, kinds = f"features.{expert}: {name}", " or ".join(_KINDS[expert])
    logging.disable_progress_bar()
    cuda = torch.cuda.is_available()
    try:
        loaded, told = AutoModel.from_pretrained(
            name, use_safetensors=True, dtype=torch.float16 if cuda else torch.float32, output_loading_info=True
        )
        model = getattr(loaded, "vision_model", loaded)  # of CLIP and its like, which read text too
        sees = model.main_input_name.startswith("pixel_values")
        processor = AutoImageProcessor.from_pretrained(name) if sees else None
    except checkpoints.UNLOADABLE as error:
        files = "config.json, preprocessor_config.json, *.safetensors"
        remedy = f"give the folder of a model ({files}), or set HF_HUB_OFFLINE=0"
        raise checkpoints.unusable(where, error, f"{kinds} in safetensors", remedy) from None
    lost = sorted(key for key in told["missing_keys"] if "pooler" not in key)
    if lost:
        found = f"{len(lost)} weights missing, {lost[0]} among them"
        raise DataError(where, found, "a whole model", "take another checkpoint")
    frames = getattr(model.config, "num_frames", None)
    kind = "a model that sees nothing" if not sees else _VIDEO if frames else _IMAGE
    if kind not in _KINDS[expert]:
        raise DataError(where, f"{kind} ({loaded.config.model_type})", kinds, f"take {kinds}, or default")
    return Vision(model.eval().requires_grad_(False).to("cuda" if cuda else "cpu"), processor, frames)


def coloured(flow: npt.NDArray[np.float32], noise: float) -> Image:
    """A flow field (H, W, 2) as a picture (H, W, 3): direction as hue, length as saturation (Baker et al. 2011).

    White is still; a length of 25 times the clip's own ``noise`` and more has its full colour.
    """
    length, angle = np.hypot(flow[..., 0], flow[..., 1]), np.arctan2(flow[..., 1], flow[..., 0])
    strength = np.clip(length / max(_STRONG * noise, 1e-9), 0, 1)
    hsv = np.stack([(angle % (2 * np.pi)) * 90 / np.pi, 255 * strength, np.full_like(length, 255)], -1)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB))


def _shown(expert: str, clip: Clip, frames: int | None) -> list[Image]:
    """The pictures that the model is shown of a clip: one, or ``frames``."""
    if expert == "structure":
        return [clip.crops[0]]
    pictures = list(clip.crops) if expert == "texture" else [coloured(flow, clip.noise) for flow in clip.flows]
    return [pictures[round(at)] for at in np.linspace(0, len(pictures) - 1, frames)] if frames else pictures[-1:]


def _pixels(vision: Vision, pictures: list[Image]) -> torch.Tensor:
    """Pictures as the model was trained to see them, whole: (pictures, 3, H, W), or (1, frames, 3, H, W) of a video."""
    own = vision.processor.crop_size or vision.processor.size
    side = own.get("height") or own["shortest_edge"]
    size = {"shortest_edge": side} if "shortest_edge" in vision.processor.size else {"height": side, "width": side}
    given = [pictures] if vision.frames else pictures
    pixels: torch.Tensor = vision.processor(given, size=size, do_center_crop=False, return_tensors="pt")["pixel_values"]
    return pixels
