"""Tuning of one fold: ``L = L_text + λ_e · CE(emotion) + λ_a · BCE(units)``, on the fold's training clips alone."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deft.learn.pretrain import cosine, padded, summed
from deft.models import deft, views

Floats = views.Floats

_JITTER = 0.2  # standard deviation of the noise on components in training: 100 clips are few
_RARE = 8.0  # at most this much weight on a unit that is seldom shown
_ALIGNING = 300  # steps, of no more than a matrix product each


class Example(NamedTuple):
    """A training clip: its class, the units its motion supports, what each region shows, and its answer."""

    emotion: str
    units: Sequence[int]
    seen: Sequence[str]
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
    """Tune adapters, projectors and heads; ``vectors`` are the examples' (expert → (clips, tokens, dim)), ``weights`` the λ.

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
    positive = ((1 - units).sum(0) / units.sum(0).clamp(min=1)).sqrt().clamp(max=_RARE)

    if "motion" in shape.experts:
        _align(model, reduced["motion"], tokenizer, [example.seen for example in examples], rate)
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
            tokens = padded([answers[i] for i in picked], tokenizer.pad_token_id)
            real = torch.arange(tokens.shape[1])[None] < torch.tensor([len(answers[i]) for i in picked])[:, None]
            noisy = {name: z[picked] + _JITTER * torch.randn(len(picked), *z.shape[1:]) for name, z in reduced.items()}
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


def _align(model: deft.Deft, reduced: Tensor, tokenizer: Any, seen: Sequence[Sequence[str]], rate: float) -> None:
    """Let each region's projected token (clips, 17, components) start as the words for what the region shows.

    The language model itself is not run: only the motion projector learns, by cosine distance to the summed word
    embeddings of its phrase (the first of LLaVA's two stages, Liu et al. 2023, in our terms).
    """
    embed = model.llm.get_input_embeddings()
    ids = [tokenizer.encode(phrase, add_special_tokens=False) for phrases in seen for phrase in phrases]
    with torch.no_grad():
        words = summed(embed, ids, tokenizer.pad_token_id)
    optimiser = torch.optim.AdamW([*model.project["motion"].parameters(), model.place["motion"]], lr=2 * rate)
    for step in range(_ALIGNING):
        for group in optimiser.param_groups:
            group["lr"] = 2 * rate * cosine(step, _ALIGNING)
        tokens = model.tokens("motion", reduced + _JITTER * torch.randn(reduced.shape)).flatten(0, 1)
        loss = 1 - functional.cosine_similarity(tokens, words).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()


def ask(tokenizer: Any, task: str) -> Tensor:
    """Token ids (n,) of the prompt, begin included (the end token where a tokenizer has no other)."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return torch.tensor([begin, *tokenizer.encode(f"{task}\n", add_special_tokens=False)])
