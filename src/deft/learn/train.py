"""Tuning of one fold: ``L = L_text + λ_e · CE(emotion) + λ_a · BCE(units)``, on the fold's training clips alone."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deft.language import triple
from deft.learn.pretrain import cosine, padded, summed
from deft.models import deft, views

Floats = views.Floats

_JITTER = 0.5  # standard deviation of the noise on components in training: 100 clips are few
_RARE = 8.0  # at most this much weight on a unit that is seldom shown
_ALIGNING = 2000  # steps, of no more than two matrix products each
_ALIGNED = 24  # clips a step of aligning
_ALIGN_JITTER = 0.1  # the words must be read exactly


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
    expert_dropout: float,
    seed: int,
) -> tuple[deft.Deft, list[Losses]]:
    """Tune adapters, projectors and heads; ``vectors`` are the examples' own, ``weights`` the λ.

    Beside motion the other experts are hidden from a share ``expert_dropout`` of the clips, each by itself: what they
    see of 100 clips tells people apart rather than expressions. The text's tokens from its verdict on weigh more.
    Everything random follows ``seed``; nothing but the arguments is read, so the held-out subject cannot leak in.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reductions = views.fit_all(vectors, shape.experts, components)
    model = deft.Deft(deft.adapted(base, **lora), shape, reductions)
    asked = ask(tokenizer, task)
    answers = [[*tokenizer.encode(e.target, add_special_tokens=False), tokenizer.eos_token_id] for e in examples]
    before = [example.target[: example.target.index(triple.VERDICT)] for example in examples]
    verdicts = torch.tensor([len(tokenizer.encode(text, add_special_tokens=False)) for text in before])
    reduced = model.reduce({name: torch.from_numpy(vectors[name]) for name in shape.experts})
    emotions = torch.tensor([shape.emotions.index(example.emotion) for example in examples])
    units = torch.tensor([[float(unit in example.units) for unit in shape.units] for example in examples])
    balance = len(examples) / (len(shape.emotions) * torch.bincount(emotions, minlength=len(shape.emotions)).float())
    positive = ((1 - units).sum(0) / units.sum(0).clamp(min=1)).sqrt().clamp(max=_RARE)

    hideable = [name for name in shape.experts if name != "motion"] if "motion" in shape.experts else []
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
            kept = {name: torch.rand(len(picked)) >= expert_dropout for name in noisy if name in hideable}
            out = model(noisy, asked, tokens, real, kept)
            each = functional.cross_entropy(out.text[real], tokens[real], reduction="none")
            from_verdict = torch.arange(tokens.shape[1])[None] >= verdicts[picked][:, None]
            scale = torch.where(from_verdict, weights["verdict"], 1.0)[real]
            text = (each * scale).sum() / scale.sum()
            emotion = functional.cross_entropy(out.emotion, emotions[picked], weight=balance)
            unit = functional.binary_cross_entropy_with_logits(out.units, units[picked], pos_weight=positive)
            loss = text + weights["emotion"] * emotion + weights["units"] * unit
            torch.autograd.backward(loss)
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
        words = summed(embed, ids, tokenizer.pad_token_id).reshape(*reduced.shape[:2], -1)
    optimiser = torch.optim.AdamW([*model.project["motion"].parameters(), model.place["motion"]], lr=2 * rate)
    for step in range(_ALIGNING):
        for group in optimiser.param_groups:
            group["lr"] = 2 * rate * cosine(step, _ALIGNING)
        clips = torch.randint(len(reduced), (_ALIGNED,))
        noisy = reduced[clips] + _ALIGN_JITTER * torch.randn(_ALIGNED, *reduced.shape[1:])
        tokens = model.tokens("motion", noisy)
        loss = 1 - functional.cosine_similarity(tokens, words[clips], dim=-1).mean()
        torch.autograd.backward(loss)
        optimiser.step()
        optimiser.zero_grad()


def ask(tokenizer: Any, task: str) -> Tensor:
    """Token ids (n,) of the prompt, begin included (the end token where a tokenizer has no other)."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return torch.tensor([begin, *tokenizer.encode(f"{task}\n", add_special_tokens=False)])
