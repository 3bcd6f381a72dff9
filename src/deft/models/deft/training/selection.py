"""The epoch at which a fold stops, chosen on some of its own training subjects; the held-out subject has no part."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupShuffleSplit

from deft.core.errors import DataError
from deft.models import Views
from deft.models.deft.model import Deft
from deft.models.deft.training.examples import Example


def validation_scores(
    tuned: Callable[..., AbstractContextManager[object]],
    examples: Sequence[Example],
    views: Views,
    people: Sequence[str],
    share: float,
    seed: int,
) -> list[float]:
    """Return the emotion head's UF1 on a ``share`` of the people after every epoch of tuning on the others.

    ``tuned`` is `deft.models.deft.training.fold.tuned` with all else given; it takes examples, views and ``watch``. All
    clips of a person are on one side: a choice made on the people that a figure is taken on flatters that figure (Varma
    and Simon 2006, doi:10.1186/1471-2105-7-91).

    Raises:
        DataError: there are fewer than two people.

    """
    if len(set(people)) < 2:
        raise DataError("finetune.validation_share", "one training subject", "two or more", "set it to 0")
    split = GroupShuffleSplit(1, test_size=share, random_state=seed)
    training, validation = next(split.split(people, groups=people))
    labels = [examples[at].emotion for at in validation]
    scores: list[float] = []

    @torch.no_grad()
    def watch(model: Deft) -> None:
        some = _select(views, validation)
        best = (
            model.encode_prompt(model.project(model.reduce(some)), model.unit_scores(some)).emotion.argmax(-1).tolist()
        )
        answered = [model.config.emotions[at] for at in best]
        uf1 = f1_score(labels, answered, labels=sorted(set(labels)), average="macro", zero_division=0)
        scores.append(float(uf1))

    with tuned([examples[at] for at in training], _select(views, training), watch=watch):
        return scores


def _select(views: Views, clips: npt.NDArray[np.int64]) -> Views:
    return {name: view[clips] for name, view in views.items()}
