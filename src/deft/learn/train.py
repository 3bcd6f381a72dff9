"""Tuning of one fold: ``L = L_text + λ_e · CE(emotion) + λ_a · BCE(units)``, on the fold's training clips alone."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deft.learn.pretrain import cosine
from deft.models import deft, views

Floats = views.Floats

_JITTER = 0.2  # standard deviation of the noise on components in training: 100 clips are few
_STILL_POSITIVE = 8.0  # at most this much weight on a unit that is seldom shown


class Example(NamedTuple):
    """A training clip: its class, the units its motion supports, and its answer."""

    emotion: str
    units: Sequence[int]
    target: str


class Losses(NamedTuple):
    """Mean losses of an epoch."""

    total: float
    text: float
    emotion: float
    units: float


def tune(
    base: Any,
    tokenizer: Any,
    task: str,
    examples: Sequence[Example],
    vectors: views.Views,
    shape: deft.Shape,
    *,
    components: int,
    lora: Mapping[str, Any],
    weights: Mapping[str, float],
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
) -> tuple[deft.Deft, list[Losses]]:
    """Tune adapters, projectors and heads; ``vectors`` are the examples' (expert → (clips, dim)), ``weights`` the λ.

    Everything random follows ``seed``; nothing but the arguments is read, so the held-out subject cannot leak in.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reductions = views.fit_all(vectors, shape.experts, components)
    model = deft.Deft(deft.adapted(base, **lora), shape, reductions)
    asked = ask(tokenizer, task)
    answers = [tokenizer.encode(e.target, add_special_tokens=False) + [tokenizer.eos_token_id] for e in examples]
    reduced = model.reduce({name: torch.from_numpy(vectors[name]) for name in shape.experts})
    emotions = torch.tensor([shape.emotions.index(example.emotion) for example in examples])
    units = torch.tensor([[float(unit in example.units) for unit in shape.units] for example in examples])
    balance = len(examples) / (len(shape.emotions) * torch.bincount(emotions, minlength=len(shape.emotions)).float())
    positive = ((1 - units).sum(0) / units.sum(0).clamp(min=1)).sqrt().clamp(max=_STILL_POSITIVE)

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.05)
    steps = epochs * -(-len(examples) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, steps))
    history = []
    model.train()
    for _ in range(epochs):
        sums = np.zeros(4)
        order = rng.permutation(len(examples))
        for picked in np.array_split(order, -(-len(examples) // batch)):
            tokens, real = _padded([answers[i] for i in picked], tokenizer.pad_token_id)
            noisy = {name: z[picked] + _JITTER * torch.randn(len(picked), z.shape[1]) for name, z in reduced.items()}
            out = model(noisy, asked, tokens, real)
            text = functional.cross_entropy(out.text[real], tokens[real])
            emotion = functional.cross_entropy(out.emotion, emotions[picked], weight=balance)
            unit = functional.binary_cross_entropy_with_logits(out.units, units[picked], pos_weight=positive)
            loss = text + weights["emotion"] * emotion + weights["units"] * unit
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            sums += len(picked) * np.array([loss.item(), text.item(), emotion.item(), unit.item()])
        history.append(Losses(*(sums / len(examples)).tolist()))
    return model.eval(), history


def ask(tokenizer: Any, task: str) -> Tensor:
    """Token ids (n,) of the prompt, begin included (the end token where a tokenizer has no other)."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return torch.tensor([begin, *tokenizer.encode(f"{task}\n", add_special_tokens=False)])


def _padded(answers: Sequence[Sequence[int]], pad: int) -> tuple[Tensor, Tensor]:
    longest = max(map(len, answers))
    tokens = torch.tensor([[*answer, *[pad] * (longest - len(answer))] for answer in answers])
    lengths = torch.tensor([len(answer) for answer in answers])
    return tokens, torch.arange(longest)[None] < lengths[:, None]
