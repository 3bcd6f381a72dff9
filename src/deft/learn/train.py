"""Tuning of one fold: ``L = L_text + λ_e · CE(emotion) + λ_a · BCE(units)``, on the fold's training clips alone.

Beside every step's clips the heads read some faces of the textbook, which says what speaks for what: its words stand
where the motion tokens stand. No clip is in it, so no subject is either.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from deft.learn import aligning, heads
from deft.learn.examples import Example
from deft.learn.pretrain import cosine, padded
from deft.models import deft, llm, views

Floats = views.Floats

_JITTER = 0.5  # standard deviation of the noise on components in training: 100 clips are few
_CONCEPTS = 30.0  # times the rate: the emotion head's inputs are probabilities, most of them near zero
_DECAY = 0.5  # of weights, a unit of rate


class Losses(NamedTuple):
    """Mean losses of an epoch on its clips; ``total`` is weighted, and with the lessons'."""

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
    lessons: Sequence[Example],
    shape: deft.Shape,
    *,
    components: int,
    lora: Mapping[str, Any],
    weights: Mapping[str, float],
    epochs: int,
    batch: int,
    rate: float,
    expert_dropout: float,
    seed: int,
) -> tuple[deft.Deft, list[Losses]]:
    """Tune adapters, projectors and heads; ``vectors`` are the examples' own, ``weights`` the λ.

    ``lessons`` are faces of the textbook (`deft.language.textbook`), for the heads alone. Beside motion the other
    experts are hidden from a share ``expert_dropout`` of the clips, each by itself: what they see of 100 clips tells
    people apart rather than expressions. Everything random follows ``seed``; nothing but the arguments is read, so the
    held-out subject cannot leak in.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reductions = views.fit_all(vectors, shape.experts, components)
    model = deft.Deft(deft.adapted(base, **lora), shape, reductions)
    asked = llm.ask(tokenizer, task)
    answers = [[*tokenizer.encode(e.target, add_special_tokens=False), tokenizer.eos_token_id] for e in examples]
    reduced = model.reduce({name: torch.from_numpy(vectors[name]) for name in shape.experts})
    truth = heads.truth(examples, shape)
    motion = "motion" in shape.experts
    hideable = [name for name in shape.experts if motion and name != "motion"]
    if motion:
        aligning.align(model, reduced["motion"], aligning.words(model, tokenizer, [e.seen for e in examples]), rate)
    taught = None
    if motion and lessons:
        taught = aligning.words(model, tokenizer, [e.seen for e in lessons]), heads.truth(lessons, shape)

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    others = [p for name, p in model.named_parameters() if p.requires_grad and not name.startswith("emotion.")]
    groups = [{"params": others, "lr": rate}, {"params": list(model.emotion.parameters()), "lr": _CONCEPTS * rate}]
    optimiser = torch.optim.AdamW(groups, weight_decay=_DECAY)
    steps = epochs * -(-len(examples) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, steps))
    history = []
    model.train()
    for _ in range(epochs):
        sums = np.zeros(4)
        order = rng.permutation(len(examples))
        for picked in np.array_split(order, -(-len(examples) // batch)):
            tokens = padded([answers[i] for i in picked], tokenizer.pad_token_id)
            real = torch.arange(tokens.shape[1])[None] < torch.tensor([len(answers[i]) for i in picked])[:, None]
            noisy = {name: z[picked] + _JITTER * torch.randn(len(picked), *z.shape[1:]) for name, z in reduced.items()}
            seen = model.tokens(noisy)
            for name in hideable:
                seen[name] = seen[name] * (torch.rand(len(picked), 1, 1) >= expert_dropout)
            out = model(seen, asked, tokens, real)
            text = functional.cross_entropy(out.text[real], tokens[real])
            emotion, units = heads.losses(model, out.units, truth, picked)
            loss = text + weights["emotion"] * emotion + weights["units"] * units
            if taught is not None:
                lesson = rng.integers(len(lessons), size=batch)
                read = model.prompt({"motion": taught[0][lesson]}, asked)
                lesson_losses = heads.losses(model, read.units, taught[1], lesson)
                loss = loss + weights["emotion"] * lesson_losses[0] + weights["units"] * lesson_losses[1]
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            sums += len(picked) * np.array([loss.item(), text.item(), emotion.item(), units.item()])
        history.append(Losses(*(sums / len(examples)).tolist()))
    return model.eval(), history
