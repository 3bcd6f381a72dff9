"""The shuffled-evidence control: the model answers each clip with another clip's motion and all else unchanged."""

from collections.abc import Mapping

import numpy as np

from deft.models import Views

MOTION = ("motion", "field")  # the experts that see motion alone
_SEED = 0


def donors(views: Views) -> dict[int, int]:
    """Return the donor of motion for each clip of a fold: clip → another clip, each a donor once.

    The clips are put in a ring in an order of a fixed seed, and each gets the motion of the next. Clips without motion
    tokens (NaN) are left out, and so is a clip that would be alone in the ring. All clips are held out in the fold,
    since the model could answer clips of its training from memory.
    """
    if "motion" not in views:
        return {}
    missing = np.isnan(views["motion"]).any((1, 2))  # (clips,)
    ring = np.random.default_rng(_SEED).permutation(np.flatnonzero(~missing)).tolist()
    if len(ring) < 2:
        return {}
    return dict(sorted(zip(ring, ring[1:] + ring[:1], strict=True)))


def swapped(views: Views, donors: Mapping[int, int]) -> Views:
    """Return the tokens of the clips in ``donors``, in their order, with the tokens of motion from their `donors`."""
    clips, sources = list(donors.keys()), list(donors.values())
    return {expert: view[sources] if expert in MOTION else view[clips] for expert, view in views.items()}
