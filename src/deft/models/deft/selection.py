"""The epoch at which a fold stops, chosen on some of its own training subjects: the held-out one has no say."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupShuffleSplit

from deft.core.errors import DataError
from deft.models import reduction
from deft.models.deft.examples import Example
from deft.models.deft.model import Deft


def scores(
    tune: Callable[..., tuple[Deft, object]],
    question: torch.Tensor,
    examples: Sequence[Example],
    vectors: reduction.Views,
    people: Sequence[str],
    share: float,
    seed: int,
) -> list[float]:
    """UF1 of the emotion head on a ``share`` of the people after every epoch of tuning on the others.

    ``tune`` (`deft.models.deft.train.tune`, all else given) takes examples and vectors; ``question`` is the prompt's
    token ids (n,). All of a person's clips are on one side: a choice made on the people that a figure is taken on
    flatters it (Varma and Simon 2006, doi:10.1186/1471-2105-7-91).

    Raises:
        DataError: there are fewer than two people.

    """
    if len(set(people)) < 2:
        raise DataError("finetune.inner", "one training subject", "two or more", "set it to 0")
    learned, asked = next(GroupShuffleSplit(1, test_size=share, random_state=seed).split(people, groups=people))
    true = [examples[at].emotion for at in asked]
    found: list[float] = []

    @torch.no_grad()
    def watch(model: Deft) -> None:
        tokens = model.tokens(model.reduce(_some(vectors, asked)))
        best = model.prompt(tokens, question.to(model.device)).emotion.argmax(-1).tolist()
        given = [model.shape.emotions[at] for at in best]
        found.append(float(f1_score(true, given, labels=sorted(set(true)), average="macro", zero_division=0)))

    model, _ = tune([examples[at] for at in learned], _some(vectors, learned), watch=watch)
    model.llm.unload()
    return found


def _some(vectors: reduction.Views, at: npt.NDArray[np.int64]) -> reduction.Views:
    return {name: view[at] for name, view in vectors.items()}
