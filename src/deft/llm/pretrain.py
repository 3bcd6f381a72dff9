"""Training of the small Llama on the textbook.

What a page's face shows stands before the text as one token a region: the sum of its phrase's word embeddings. So the
model learns to read tokens that are no words, which is what the experts' tokens will be.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import trange

from deft.language.textbook import Page

HELD_OUT = 256  # pages
_WARM_UP = 0.05  # of all steps


def train(
    model: Any, tokenizer: Any, pages: Sequence[Page], *, steps: int, batch: int, rate: float, seed: int
) -> float:
    """Train in place by next-token prediction; return the perplexity a token on pages that were held out.

    The first `HELD_OUT` pages are held out; at least ``batch`` more are needed. Matrices follow Muon (Jordan 2024;
    ``rate`` is its peak), all else AdamW at a seventh of it, both under `cosine`.
    """
    read = [_Read(tokenizer, page) for page in pages]
    held_out, kept = read[:HELD_OUT], read[HELD_OUT:]
    embedding = model.get_input_embeddings().weight
    matrices = [p for p in model.parameters() if p.ndim == 2 and p is not embedding]
    others = [p for p in model.parameters() if p.ndim != 2 or p is embedding]
    optimisers = [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01),
        torch.optim.AdamW(others, lr=rate / 7, weight_decay=0.01, betas=(0.9, 0.98)),
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: cosine(step, steps)) for o in optimisers]
    batches = _batches(len(kept), batch, seed)
    model.train()
    progress = trange(steps, desc="backbone", unit="step", mininterval=1.0)
    for _ in progress:
        loss = _loss(model, [kept[i] for i in next(batches)])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser, schedule in zip(optimisers, schedules, strict=True):
            optimiser.step()
            schedule.step()
        model.zero_grad()
        progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    model.eval()
    with torch.no_grad():
        return math.exp(float(_loss(model, held_out)))


class _Read:
    """A page as token ids: ``seen`` a list a region, and ``text`` with its end."""

    def __init__(self, tokenizer: Any, page: Page) -> None:
        self.begin, self.pad = tokenizer.bos_token_id, tokenizer.pad_token_id
        self.seen = [tokenizer.encode(phrase) for phrase in page.seen]
        self.text = [*tokenizer.encode(page.text), tokenizer.eos_token_id]


def cosine(step: int, steps: int) -> float:
    """Share of the peak learning rate: a short linear warm-up, then half a cosine down to a tenth."""
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _batches(count: int, batch: int, seed: int) -> Iterator[Sequence[int]]:
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        yield from (order[at : at + batch].tolist() for at in range(0, count - batch + 1, batch))


def _loss(model: Any, pages: Sequence[_Read]) -> Tensor:
    embed, pad = model.get_input_embeddings(), pages[0].pad
    tokens, _ = padded([page.text for page in pages], pad)
    before = torch.stack([summed(embed, page.seen, pad) for page in pages])
    begin = embed(torch.full((len(pages), 1), pages[0].begin))
    embedded = torch.cat([begin, before, embed(tokens[:, :-1])], 1)
    logits = model(inputs_embeds=embedded, logits_to_keep=tokens.shape[1]).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=pad)


def summed(embed: Any, phrases: Sequence[Sequence[int]], pad: int) -> Tensor:
    """Phrases' token ids → one embedding a phrase (phrases, width): their sum, scaled to a single word's length."""
    ids, real = padded(phrases, pad, embed.weight.device)
    total: Tensor = (embed(ids) * real[..., None]).sum(1) / real.sum(1, keepdim=True).sqrt()
    return total


def padded(ids: Sequence[Sequence[int]], pad: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Token ids (rows, longest) with ``pad`` behind each row, and which of them are real."""
    longest = max(map(len, ids))
    rows = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in ids], device=device)
    lengths = torch.tensor([[len(row)] for row in ids], device=device)
    return rows, torch.arange(longest, device=device)[None] < lengths
