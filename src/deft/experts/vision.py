"""Any Hugging Face vision model as an expert: frozen, in batches, in half precision on a GPU.

An expert that needs the onset takes an image model. One that needs all crops takes a video model, which sees frames
spread evenly over the clip. One that needs the flow takes either: the flow is shown in colours, an image model sees the
apex and a video model the steps.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from transformers import AutoImageProcessor, AutoModel, BaseImageProcessor, PreTrainedModel
from transformers.utils import logging

from deft.core import checkpoints
from deft.core.errors import DataError
from deft.experts.clip import Clip, Need, Tokens
from deft.media import Image

_SATURATED = 25.0  # multiples of the clip's noise at which a motion has its full colour
_IMAGE, _VIDEO = "an image model", "a video model"
_KINDS: dict[Need, tuple[str, ...]] = {"onset": (_IMAGE,), "crops": (_VIDEO,), "flow": (_IMAGE, _VIDEO)}


class Vision(NamedTuple):
    """A frozen model with its own preprocessing; ``frames`` is how many a video model takes, None: an image model."""

    model: PreTrainedModel
    processor: BaseImageProcessor
    frames: int | None


def tokens(expert: str, needs: Collection[Need], name: str, clips: Sequence[Clip], count: int) -> list[Tokens]:
    """Return ``count`` tokens of each clip by the model ``name``, float32 (count, dim).

    The model's last hidden states are cut into ``count`` equal stretches and averaged: strips of a face from top to
    bottom, or of a video from start to end.

    Raises:
        DataError: there is no such model, or the expert cannot use one of its kind.

    """
    vision = load(expert, frozenset(needs), name)
    shown = [_images(needs, clip, vision.frames) for clip in clips]
    pixels = torch.cat([_pixels(vision, images) for images in shown])  # (clips, [frames,] 3, H, W)
    with torch.inference_mode():
        hidden = vision.model(pixels.to(vision.model.device, vision.model.dtype)).last_hidden_state.float()
    if hidden.ndim == 4:  # a convolutional model's map (clips, dim, H, W)
        hidden = hidden.flatten(2).mT  # (clips, positions, dim)
    return list(functional.adaptive_avg_pool1d(hidden.mT, count).mT.cpu().numpy())


@cache
def load(expert: str, needs: frozenset[Need], name: str) -> Vision:
    """Load a vision model in safetensors, from a folder or by its Hugging Face name; once per process.

    Raises:
        DataError: there is no such model, or the expert cannot use one of its kind.

    """
    allowed = [kind for need in sorted(needs) for kind in _KINDS[need]]
    where, kinds = f"features.{expert}: {name}", " or ".join(allowed)
    logging.disable_progress_bar()
    cuda = torch.cuda.is_available()
    try:
        loaded, loading = AutoModel.from_pretrained(
            name, use_safetensors=True, dtype=torch.float16 if cuda else torch.float32, output_loading_info=True
        )
        model = getattr(loaded, "vision_model", loaded)  # of CLIP and its like, which read text too
        takes_images = model.main_input_name.startswith("pixel_values")
        processor = AutoImageProcessor.from_pretrained(name) if takes_images else None
    except checkpoints.UNLOADABLE as error:
        files = "config.json, preprocessor_config.json, *.safetensors"
        remedy = f"give the folder of a model ({files}), or set HF_HUB_OFFLINE=0"
        raise checkpoints.unusable(where, error, f"{kinds} in safetensors", remedy) from None
    missing = sorted(key for key in loading["missing_keys"] if "pooler" not in key)
    if missing:
        problem = f"{len(missing)} weights missing, {missing[0]} among them"
        raise DataError(where, problem, "a whole model", "take another checkpoint")
    frames = getattr(model.config, "num_frames", None)
    kind = "a model that takes no images" if not takes_images else _VIDEO if frames else _IMAGE
    if kind not in allowed:
        raise DataError(where, f"{kind} ({loaded.config.model_type})", kinds, f"take {kinds}, or default")
    return Vision(model.eval().requires_grad_(False).to("cuda" if cuda else "cpu"), processor, frames)


def coloured(flow: npt.NDArray[np.float32], noise_px: float) -> Image:
    """Return a flow (H, W, 2) as an image (H, W, 3): direction as hue, length as saturation (Baker et al. 2011).

    White is still; a length of 25 times the clip's own noise and more has its full colour.
    """
    length, angle = np.hypot(flow[..., 0], flow[..., 1]), np.arctan2(flow[..., 1], flow[..., 0])
    strength = np.clip(length / max(_SATURATED * noise_px, 1e-9), 0, 1)
    hsv = np.stack([(angle % (2 * np.pi)) * 90 / np.pi, 255 * strength, np.full_like(length, 255)], -1)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB))


def _images(needs: Collection[Need], clip: Clip, frames: int | None) -> list[Image]:
    """Return the images (H, W, 3) of a clip that the model gets: ``frames`` of them, or one for an image model."""
    if "onset" in needs:
        return [clip.crops[0]]
    images = list(clip.crops) if "crops" in needs else [coloured(flow, clip.noise_px) for flow in clip.flows]
    if frames is None:
        return images[-1:]
    return [images[round(place)] for place in np.linspace(0, len(images) - 1, frames)]


def _pixels(vision: Vision, images: list[Image]) -> torch.Tensor:
    """Return whole images as the model was trained on them: (images, 3, H, W), or (1, frames, 3, H, W) for a video."""
    trained = vision.processor.crop_size or vision.processor.size
    side = trained.get("height") or trained["shortest_edge"]
    size = {"shortest_edge": side} if "shortest_edge" in vision.processor.size else {"height": side, "width": side}
    batch = [images] if vision.frames else images
    pixels: torch.Tensor = vision.processor(batch, size=size, do_center_crop=False, return_tensors="pt")["pixel_values"]
    return pixels
