"""Training of the small Llama on text."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import trange

_HELD_OUT = 256  # texts
_WARM_UP = 0.05  # of all steps


def train(model: Any, tokenizer: Any, texts: Sequence[str], *, steps: int, batch: int, rate: float, seed: int) -> float:
    """Train in place by next-token prediction; return the perplexity a token on texts that were held out.

    AdamW under a cosine schedule. Texts of like length share a batch, so that little is padded.
    """
    held_out, kept = texts[:_HELD_OUT], texts[_HELD_OUT:]
    ids = [tokenizer.encode(f"{tokenizer.bos_token}{text}{tokenizer.eos_token}") for text in kept]
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, steps))
    model.train()
    batches = _batches(ids, batch, seed)
    progress = trange(steps, desc="backbone", unit="step", mininterval=1.0)
    for _ in progress:
        loss = _loss(model, _padded(next(batches), tokenizer.pad_token_id))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    model.eval()
    with torch.no_grad():
        rest = [tokenizer.encode(f"{tokenizer.bos_token}{text}{tokenizer.eos_token}") for text in held_out]
        return math.exp(float(_loss(model, _padded(rest, tokenizer.pad_token_id))))


def cosine(step: int, steps: int) -> float:
    """Share of the peak learning rate: a short linear warm-up, then half a cosine down to a tenth."""
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _batches(ids: list[list[int]], batch: int, seed: int) -> Iterator[list[list[int]]]:
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(ids))
        pools = [sorted(order[at : at + 16 * batch], key=lambda i: len(ids[i])) for at in range(0, len(ids), 16 * batch)]
        batches = [pool[at : at + batch] for pool in pools for at in range(0, len(pool), batch)]
        for which in rng.permutation(len(batches)):
            yield [ids[i] for i in batches[which]]


def _padded(ids: list[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    longest = max(map(len, ids))
    tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in ids])
    lengths = torch.tensor([len(row) for row in ids])
    return tokens, torch.arange(longest)[None] < lengths[:, None]


def _loss(model: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    tokens, real = batch
    logits = model(input_ids=tokens, attention_mask=real.long()).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits[real[:, 1:]], tokens[:, 1:][real[:, 1:]])
