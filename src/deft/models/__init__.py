"""Model families, a package each, and the baselines."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from deft.core.params import Params
from deft.core.tables import Row

Model = TypeVar("Model")
Views = Mapping[str, npt.NDArray[np.float32]]  # expert → its tokens (clips, tokens, dim), NaN for a clip it cannot see


class Family(Protocol[Model]):
    """A model family: a package of `deft.models` that has these functions.

    A fold's held-out subject is in none of the clips that `tune` is given: whatever a family chooses, it chooses there.
    """

    def inputs(self, params: Params) -> tuple[str, ...]:
        """Return the names of the experts whose tokens the family reads."""

    def tune(
        self, params: Params, clips: Sequence[Row], views: Views
    ) -> AbstractContextManager[tuple[Model, dict[str, object]]]:
        """Tune a model on clips, rows of `deft.core.schemas.TRIPLES`; lend it and a report that JSON can hold.

        The model is good within the ``with`` block alone: what it shares with other folds is given back at its end.
        """

    def answer(self, model: Model, views: Views, batch: int) -> list[Row]:
        """Answer for each clip, ``batch`` at once: the columns of `deft.core.schemas.PREDICTIONS` but clip and fold."""

    def save(self, model: Model, folder: Path, params: Params) -> None:
        """Write a model that was tuned under ``params`` to a folder, from which `load` reads it wherever it lies."""

    def load(self, folder: Path) -> AbstractContextManager[Model]:
        """Lend the model that `save` wrote to a folder."""


def family(name: str) -> Family[Any]:
    """Return the family of a name, a package of `deft.models`."""
    return cast(Family[Any], import_module(f"deft.models.{name}"))
