"""Training of one fold, on its training clips alone.

The objective is ``L = λ_t · L_text + λ_e · CE(emotion) + λ_a · ASL(units) + λ_d · decorrelation``.

Every step also draws synthetic examples, pages of the textbook, which says which motion speaks for which unit: a page's
region phrases, embedded, replace the motion tokens, and the two head losses on them train adapters and heads, with the
same weights λ_e and λ_a. No clip is in the textbook, so no subject is either.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deft.core import params
from deft.facs.regions import REGIONS
from deft.llm.load import tokenize_answers
from deft.llm.pretrain import cosine, pad_rows
from deft.models import Views, unit_reader
from deft.models.deft.model import FIELD, Config, Deft
from deft.models.deft.training import alignment, losses
from deft.models.deft.training.examples import Example, shown
from deft.models.deft.training.losses import EpochLosses, Indices, Losses, Targets

_MAX_NORM = 1.0  # of a step's gradient


class Recipe(NamedTuple):
    """How a model is tuned: sections of params.yaml, and ``epochs``, over which the learning rate rises and falls."""

    lora: params.Lora
    loss: params.Loss
    finetune: params.Finetune
    epochs: int


class Clips(NamedTuple):
    """Training clips: token ids of their answers, ``components`` (clips, tokens, components) per expert, targets, and
    ``unit_scores`` (clips, units, 2) of the field, by a reader that was fitted without the clip's subject.
    """

    answers: list[list[int]]
    components: dict[str, Tensor]
    targets: Targets
    unit_scores: Tensor | None


class _EncodedPages(NamedTuple):
    """Synthetic examples: embedded region ``phrases`` (pages, 17, width) that replace motion tokens, and targets."""

    phrases: Tensor
    targets: Targets


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

    First the unit reader is fitted, if there is a field, the motion projector is aligned with word embeddings, if
    motion gives one token per region, and ``model.au_thresholds`` is set.
    The first ``stop_after`` of the recipe's epochs are run (None: all); ``watch`` is called with the model after each.
    A step's clips are split into micro-batches of answers of similar length, whose gradients add up:
    that saves padding, and only one micro-batch is in memory.
    """
    lora, loss, finetune, epochs = recipe
    rng = np.random.default_rng(finetune.seed)
    clips = Clips(
        tokenize_answers(model.tokenizer, [example.answer for example in examples]),
        model.reduce(views),
        losses.targets(examples, model.config, model.device),
        _fit_unit_reader(model, examples, views),
    )
    thresholds = losses.au_thresholds(clips.targets, loss.gamma_negative, loss.margin)
    model.au_thresholds.copy_(thresholds if loss.units else thresholds - torch.inf)  # an untrained head forbids nothing
    pages = None
    if _has_region_tokens(model.config):
        words = alignment.embed_phrases(model, [example.region_phrases for example in examples])
        alignment.align(model, clips.components["motion"], words, finetune.learning_rate, finetune.alignment_steps)
        pages = _encode_pages(model, synthetic) if synthetic else None
    groups = model.parameter_groups(finetune.learning_rate, lora.learning_rate)
    trainable = [parameter for group in groups for parameter in group["params"]]
    optimiser = torch.optim.AdamW(groups, weight_decay=finetune.weight_decay, fused=True)
    steps_per_epoch = math.ceil(len(examples) / finetune.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, epochs * steps_per_epoch))
    history = []
    for _ in range(epochs if stop_after is None else stop_after):
        model.train()
        sums = np.zeros(len(EpochLosses._fields))
        for step_clips in np.array_split(rng.permutation(len(examples)), steps_per_epoch):
            page_indices = rng.integers(max(1, len(synthetic)), size=finetune.batch)
            records = []
            for terms in _step_losses(model, clips, step_clips, pages, page_indices, finetune, loss):
                total = terms.total(loss)
                if total.requires_grad:  # not where no term has weight
                    total.backward()
                records.append(EpochLosses.of(total, terms))
            torch.nn.utils.clip_grad_norm_(trainable, _MAX_NORM)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            sums += len(step_clips) * np.sum(records, 0)
        history.append(EpochLosses(*(sums / len(examples)).tolist()))
        model.eval()
        if watch:
            watch(model)
    return history


def _step_losses(
    model: Deft,
    clips: Clips,
    step_clips: Indices,
    pages: _EncodedPages | None,
    page_indices: Indices,
    finetune: params.Finetune,
    loss: params.Loss,
) -> Iterator[Losses]:
    """Yield a step's losses, one graph at a time: its micro-batches', the experts' similarity, the synthetic examples'.

    ``step_clips`` index the clips, ``page_indices`` the pages.
    """
    by_length = sorted(step_clips, key=lambda clip: len(clips.answers[clip]))
    for micro_batch in np.array_split(by_length, min(finetune.gradient_accumulation, len(step_clips))):
        yield clip_losses(model, clips, micro_batch, step_clips, finetune, loss)
    prefix = model.project({name: view[step_clips] for name, view in clips.components.items()})
    yield Losses(decorrelation=losses.decorrelation(prefix))
    if pages is not None:
        units = model.encode_prompt({"motion": pages.phrases[page_indices]}, None).units
        heads = losses.head_losses(model, units, pages.targets, page_indices, page_indices, loss)
        yield Losses(synthetic=Losses(None, *heads).total(loss))


def clip_losses(
    model: Deft, clips: Clips, micro_batch: Indices, step_clips: Indices, finetune: params.Finetune, loss: params.Loss
) -> Losses:
    """Return the text and head losses of a micro-batch, as shares of its whole step's.

    Clips whose motion is hidden are excluded from the text loss, if the model has a motion expert. The sum is divided
    by all answer tokens of the step, those of hidden clips included.
    """
    tokens, real = pad_rows(
        [clips.answers[clip] for clip in micro_batch], model.tokenizer.pad_token_id, model.device
    )  # (B, answer) each
    prefix, unit_scores, visible = _augmented_prefix(model, clips, micro_batch, finetune)
    out = model(prefix, unit_scores, tokens, real)
    everyone = torch.ones(len(micro_batch), dtype=torch.bool, device=model.device)
    has_text = visible.get("motion", everyone)  # (B,): clips whose motion is visible; all without a motion expert
    wanted = tokens.masked_fill(~(real & has_text[:, None]), -100).flatten()  # (B · answer,)
    count = sum(len(clips.answers[clip]) for clip in step_clips)
    text = functional.cross_entropy(out.text.float().flatten(0, 1), wanted, reduction="sum") / count
    return Losses(text, *losses.head_losses(model, out.units, clips.targets, micro_batch, step_clips, loss))


def _augmented_prefix(
    model: Deft, clips: Clips, micro_batch: Indices, finetune: params.Finetune
) -> tuple[dict[str, Tensor], Tensor | None, dict[str, Tensor]]:
    """Return the prefix tokens (B, tokens, width) per expert, the units' scores, and the visible clips (B,).

    Components get Gaussian noise, and tokens of hidden experts are zero. A clip of which every expert would be hidden
    is shown whole.
    """
    rates = finetune.modality_dropout
    noisy = {}
    for name, components in clips.components.items():
        chosen = components[micro_batch]  # (B, tokens, components)
        noisy[name] = chosen + finetune.component_noise * torch.randn_like(chosen)
    drawn = [torch.rand(len(micro_batch), device=model.device) >= getattr(rates, name) for name in noisy]
    visible = torch.stack(drawn)  # (experts, B)
    visible |= ~visible.any(0)
    masks = dict(zip(noisy, visible, strict=True))
    prefix = {name: tokens * masks[name][:, None, None] for name, tokens in model.project(noisy).items()}
    unit_scores = None if clips.unit_scores is None else clips.unit_scores[micro_batch] * masks[FIELD][:, None, None]
    return prefix, unit_scores, masks


def _fit_unit_reader(model: Deft, examples: Sequence[Example], views: Views) -> Tensor | None:
    """Fit the model's unit reader in place, and return the scores of the examples (clips, units, 2)."""
    if FIELD not in views:
        return None
    labels, people = shown(examples, model.config.units), [example.person for example in examples]
    reader, unit_scores = unit_reader.fit(views[FIELD], labels, people)
    model.start_from(reader)
    return torch.from_numpy(unit_scores).to(model.device)


def _encode_pages(model: Deft, synthetic: Sequence[Example]) -> _EncodedPages:
    phrases = alignment.embed_phrases(model, [example.region_phrases for example in synthetic])
    return _EncodedPages(phrases, losses.targets(synthetic, model.config, model.device))


def _has_region_tokens(config: Config) -> bool:
    """Whether the motion expert gives one token per region, so that words can stand in their place."""
    tokens: Mapping[str, int] = dict(zip(config.experts, config.token_counts, strict=True))
    return tokens.get("motion") == len(REGIONS)
