"""Four frozen experts, one module each: face structure, dynamic texture, motion semantics, the motion field."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast, get_args

import numpy as np

from deft.core import params as known
from deft.core.errors import DataError
from deft.core.params import Features
from deft.experts.clip import Clip as Clip
from deft.experts.clip import Need as Need
from deft.experts.clip import Tokens as Tokens

NAMES: tuple[str, ...] = get_args(known.Expert)

_Encode = Callable[[str, frozenset[Need], str, Sequence[Clip], int], list[Tokens]]  # `deft.experts.vision.tokens`


class Expert(Protocol):
    """What an expert's module offers.

    ``NEEDS`` names the parts of a clip that the expert encodes, beside the landmarks that every clip has: the
    "onset" crop, all "crops" or the "flow". A clip that comes as flow has no crops. ``OWN`` are the names by which
    parameters ask for the expert's own descriptors, which need no weights, and what each needs besides: the motion
    prior's "reading" of the flow, or nothing.
    """

    NEEDS: frozenset[Need]
    OWN: Mapping[str, frozenset[Need]]

    def tokens(self, clip: Clip, params: Features) -> Tokens:
        """Return the expert's tokens of a clip, float32 (tokens, dim)."""


def expert(name: str) -> Expert:
    """Return the module of an expert.

    Raises:
        ValueError: there is no such expert.

    """
    if name not in NAMES:
        raise ValueError(f"expert: found {name!r}, expected one of {', '.join(NAMES)}")
    return cast(Expert, importlib.import_module(f"deft.experts.{name}"))


def model(name: str, params: Features) -> str:
    """Return which model stands for an expert: "default", or the name or path of a Hugging Face vision model."""
    return str(getattr(params, name))


def needs(name: str, params: Features) -> frozenset[Need]:
    """Return what an expert needs of a clip, as its module says, for the model that stands for it."""
    module = expert(name)
    return module.NEEDS | module.OWN.get(model(name, params), frozenset())


def fault(name: str, tokens: Tokens, params: Features) -> DataError | None:
    """Return why an expert's tokens of a clip cannot be used; None if they can."""
    bad = np.count_nonzero(~np.isfinite(tokens))
    if not bad:
        return None
    where = f"features.{name}: {model(name, params)}"
    return DataError(where, f"{bad} of {tokens.size} values NaN or infinite", "numbers", "take another model")


def tokens(name: str, clips: Sequence[Clip], params: Features) -> list[Tokens]:
    """Return an expert's tokens of each clip, float32 (tokens, dim).

    ``params.grid`` is the number of cells along a side of the default HOG and LBP-TOP grids, ``params.tokens`` the
    number of tokens that are kept of a Hugging Face model's states.

    Raises:
        DataError: the Hugging Face model cannot be used.

    """
    module, model_name = expert(name), model(name, params)
    if model_name in module.OWN:
        return [module.tokens(clip, params) for clip in clips]
    # By name, as the experts: only those who name a model pay for transformers, and only `features` waits for its code.
    encode: _Encode = importlib.import_module("deft.experts.vision").tokens
    return encode(name, module.NEEDS, model_name, clips, params.tokens)
