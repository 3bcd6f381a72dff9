"""The shuffled-evidence control: clips are shown to a model with another clip's motion, and all else their own."""

from collections.abc import Mapping

import numpy as np

from deft.models import Views

_SEED = 0


def donors(views: Views) -> dict[int, int]:
    """Which clip of a fold gives each of its clips its motion: never itself, and each gives once.

    The clips stand in a ring, in an order of a fixed seed. A clip whose own motion is not seen (NaN) has no part in it,
    nor has one that would be alone. All are clips that the fold's model has not learned from: of others it might tell
    from memory.
    """
    if "motion" not in views:
        return {}
    seen = np.flatnonzero(~np.isnan(views["motion"]).any((1, 2)))
    ring = np.random.default_rng(_SEED).permutation(seen).tolist()
    return dict(sorted(zip(ring, ring[1:] + ring[:1], strict=True))) if len(ring) > 1 else {}


def swapped(views: Views, given: Mapping[int, int]) -> Views:
    """What is seen of the clips in ``given``, in their order, with the motion of their `donors`."""
    own, other = list(given), list(given.values())
    return {expert: view[other if expert == "motion" else own] for expert, view in views.items()}
