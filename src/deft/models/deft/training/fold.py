"""A fold's models: one for each seed, all on the same language model."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from deft.core import params
from deft.models import Views
from deft.models.deft.adapters import adapted, add, name
from deft.models.deft.model import FIELD, Config, Deft
from deft.models.deft.training.examples import Example
from deft.models.deft.training.loop import Recipe, train
from deft.models.deft.training.losses import EpochLosses
from deft.models.reduction import Reduction, fit, standard


@contextmanager
def tuned(
    base: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: Config,
    examples: Sequence[Example],
    views: Views,
    synthetic: Sequence[Example],
    recipe: Recipe,
    stop_after: int | None = None,
    watch: Callable[[Deft], None] | None = None,
) -> Iterator[tuple[Deft, list[EpochLosses]]]:
    """Lend a model tuned on examples, whose experts' tokens are ``views``, and its losses per epoch.

    With ``finetune.seeds`` above one, it has `Deft.others`, tuned in the same way with the seeds that follow.

    The base model carries the adapters within the ``with`` block alone. Everything random follows the recipe's seed,
    and nothing but the arguments is used, so the held-out subject cannot leak in. ``stop_after``
    and ``watch`` are those of `deft.models.deft.training.loop.train`; of further seeds, nothing is watched.
    """
    finetune, members = recipe.finetune, []
    torch.manual_seed(finetune.seed)
    reductions = reduce(views, config, finetune.components)
    with adapted(base, recipe.lora, gradient_checkpointing=finetune.gradient_checkpointing) as language:
        for number in range(finetune.seeds):
            adapter = name(number)
            seeded = recipe._replace(finetune=finetune.model_copy(update={"seed": finetune.seed + number}))
            if number:
                torch.manual_seed(seeded.finetune.seed)
                add(language, recipe.lora, adapter)
            model = Deft(language, tokenizer, config, reductions, adapter)
            history = train(model, examples, views, synthetic, seeded, stop_after, None if number else watch)
            members.append((model, history))
        (first, losses_of_first), *others = members
        first.others = [model for model, _ in others]
        yield first, losses_of_first


def reduce(views: Views, config: Config, components: int) -> dict[str, Reduction]:
    """Fit each expert's reduction to principal components; of the field, the units' log-odds are kept as they are."""
    return {
        name: standard(views[name], len(config.units)) if name == FIELD else fit(views[name], components)
        for name in config.experts
    }


def epochs_within(examples: int, finetune: params.Finetune) -> int:
    """Return how many epochs fit into ``finetune.max_steps``: at most ``finetune.epochs``, at least one."""
    steps_per_epoch = math.ceil(examples / finetune.batch)
    return min(finetune.epochs, max(1, finetune.max_steps // steps_per_epoch))
