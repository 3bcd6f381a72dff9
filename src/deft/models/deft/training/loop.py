"""Training of one fold, on its training clips alone.

The objective is ``L = λ_t · L_text + λ_e · CE(emotion) + λ_a · ASL(units) + λ_d · decorrelation``.

Beside the clips of every step the heads learn from synthetic examples, pages of the textbook, which says which motion
speaks for which unit: the words of a page stand where the motion tokens stand. No clip is in the textbook, so no
subject is either.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from deft.core import params
from deft.facs.regions import REGIONS
from deft.llm.load import encode_answers
from deft.llm.pretrain import cosine, pad_rows
from deft.models import Views
from deft.models.deft.model import Config, Deft, adapted
from deft.models.deft.training import alignment, losses
from deft.models.deft.training.examples import Example
from deft.models.deft.training.losses import EpochLosses, Indices, Losses, Targets
from deft.models.reduction import fit

_MAX_NORM = 1.0  # of a step's gradient


class Recipe(NamedTuple):
    """How a model is tuned: the sections of params.yaml, and over how many ``epochs`` the learning rate falls."""

    lora: params.Lora
    loss: params.Loss
    finetune: params.Finetune
    epochs: int


class Clips(NamedTuple):
    """Training clips: token ids of their answers, ``components`` (clips, tokens, components) per expert, targets."""

    answers: list[list[int]]
    components: dict[str, Tensor]
    targets: Targets


class _Synthetic(NamedTuple):
    """Synthetic examples: ``words`` (examples, 17, width) in the place of motion tokens, targets."""

    words: Tensor
    targets: Targets


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

    The base model carries the adapters within the ``with`` block alone. Everything random follows the recipe's seed,
    and nothing but the arguments is used, so the held-out subject cannot leak in. The rest as in `train`.
    """
    finetune = recipe.finetune
    torch.manual_seed(finetune.seed)
    reductions = {expert: fit(views[expert], finetune.components) for expert in config.experts}
    with adapted(base, recipe.lora, gradient_checkpointing=finetune.gradient_checkpointing) as language:
        model = Deft(language, tokenizer, config, reductions)
        history = train(model, examples, views, synthetic, recipe, stop_after, watch)
        yield model, history


def train(
    model: Deft,
    examples: Sequence[Example],
    views: Views,
    synthetic: Sequence[Example],
    recipe: Recipe,
    stop_after: int | None = None,
    watch: Callable[[Deft], None] | None = None,
) -> list[EpochLosses]:
    """Train adapters, projectors and heads in place, and return the mean losses of each epoch.

    The first ``stop_after`` of the recipe's epochs are run (None: all); ``watch`` is called with the model after each.
    A step's clips are split into micro-batches of answers of similar length, whose gradients add up: little is padding,
    and memory is a micro-batch's.
    """
    lora, loss, finetune, epochs = recipe
    rng = np.random.default_rng(finetune.seed)
    clips = Clips(
        encode_answers(model.tokenizer, [example.target for example in examples]),
        model.reduce(views),
        losses.targets(examples, model.config, model.device),
    )
    thresholds = losses.au_thresholds(clips.targets, loss.gamma_negative, loss.margin)
    model.au_thresholds.copy_(thresholds if loss.units else thresholds - torch.inf)  # an untrained head forbids nothing
    encoded_synthetic = None
    if _has_region_tokens(model.config):
        words = alignment.embed_phrases(model, [example.region_phrases for example in examples])
        alignment.align(model, clips.components["motion"], words, finetune.learning_rate, finetune.alignment_steps)
        encoded_synthetic = _encode_synthetic(model, synthetic) if synthetic else None
    groups = model.parameter_groups(finetune.learning_rate, lora.learning_rate)
    trainable = [parameter for group in groups for parameter in group["params"]]
    optimiser = torch.optim.AdamW(groups, weight_decay=finetune.weight_decay, fused=True)
    steps_per_epoch = math.ceil(len(examples) / finetune.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, epochs * steps_per_epoch))
    history = []
    for _ in range(stop_after or epochs):
        model.train()
        sums = np.zeros(len(EpochLosses._fields))
        for step in np.array_split(rng.permutation(len(examples)), steps_per_epoch):
            picked = rng.integers(max(1, len(synthetic)), size=finetune.batch)
            records = []
            for terms in _step_losses(model, clips, step, encoded_synthetic, picked, finetune, loss):
                total = terms.total(loss)
                if total.requires_grad:  # not where no term has weight
                    total.backward()
                records.append(EpochLosses.of(total, terms))
            torch.nn.utils.clip_grad_norm_(trainable, _MAX_NORM)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            sums += len(step) * np.sum(records, 0)
        history.append(EpochLosses(*(sums / len(examples)).tolist()))
        model.eval()
        if watch:
            watch(model)
    return history


def epochs_within(examples: int, finetune: params.Finetune) -> int:
    """Return how many epochs fit into ``finetune.max_steps``: at most ``finetune.epochs``, at least one."""
    steps_per_epoch = math.ceil(examples / finetune.batch)
    return min(finetune.epochs, max(1, finetune.max_steps // steps_per_epoch))


def _step_losses(
    model: Deft,
    clips: Clips,
    step: Indices,
    synthetic: _Synthetic | None,
    picked: Indices,
    finetune: params.Finetune,
    loss: params.Loss,
) -> Iterator[Losses]:
    """Yield a step's losses, one graph at a time: its micro-batches', the experts' similarity, the synthetic examples'.

    ``step`` are clips, ``picked`` synthetic examples.
    """
    by_length = sorted(step, key=lambda clip: len(clips.answers[clip]))
    for part in np.array_split(by_length, min(finetune.gradient_accumulation, len(step))):
        yield clip_losses(model, clips, part, step, finetune, loss)
    prefix = model.project({name: view[step] for name, view in clips.components.items()})
    yield Losses(decorrelation=losses.decorrelation(prefix))
    if synthetic is not None:
        units = model.encode_prompt({"motion": synthetic.words[picked]}).units
        heads = losses.head_losses(model, units, synthetic.targets, picked, picked, loss)
        yield Losses(synthetic=Losses(None, *heads).total(loss))


def clip_losses(
    model: Deft, clips: Clips, part: Indices, step: Indices, finetune: params.Finetune, loss: params.Loss
) -> Losses:
    """Return the text and head losses of a step's part, as shares of the whole step's.

    Clips whose motion is hidden are excluded from the text loss, if any expert of the model is motion.
    """
    tokens, real = pad_rows([clips.answers[clip] for clip in part], model.tokenizer.pad_token_id, model.device)
    prefix, shown = _hide_experts(model, clips, part, finetune)
    out = model(prefix, tokens, real)
    # (B, 1): by the first expert's mask, every clip, where the model has no motion expert
    has_text = shown["motion"] if "motion" in shown else torch.ones_like(next(iter(shown.values())))
    wanted = tokens.masked_fill(~(real & has_text[:, None]), -100).flatten()
    count = sum(len(clips.answers[clip]) for clip in step)
    text = functional.cross_entropy(out.text.float().flatten(0, 1), wanted, reduction="sum") / count
    return Losses(text, *losses.head_losses(model, out.units, clips.targets, part, step, loss))


def _hide_experts(
    model: Deft, clips: Clips, part: Indices, finetune: params.Finetune
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return clips' prefix tokens (B, tokens, width) with some experts' hidden, and which (B,) are shown, per expert.

    A clip of which every expert would be hidden is shown whole.
    """
    rates = finetune.modality_dropout
    noisy = {}
    for name, components in clips.components.items():
        chosen = components[part]
        noisy[name] = chosen + finetune.component_noise * torch.randn_like(chosen)
    shown = torch.stack(
        [torch.rand(len(part), device=model.device) >= getattr(rates, name) for name in noisy]
    )  # (experts, B)
    shown |= ~shown.any(0)
    masks = dict(zip(noisy, shown, strict=True))
    prefix = {name: tokens * masks[name][:, None, None] for name, tokens in model.project(noisy).items()}
    return prefix, masks


def _encode_synthetic(model: Deft, synthetic: Sequence[Example]) -> _Synthetic:
    words = alignment.embed_phrases(model, [example.region_phrases for example in synthetic])
    return _Synthetic(words, losses.targets(synthetic, model.config, model.device))


def _has_region_tokens(config: Config) -> bool:
    """Whether the motion expert gives one token per region, so that words can stand in their place."""
    tokens: Mapping[str, int] = dict(zip(config.experts, config.tokens, strict=True))
    return tokens.get("motion") == len(REGIONS)
