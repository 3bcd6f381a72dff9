"""Training of the small Llama on the textbook.

What a page's face shows stands before the text as one token per region: the sum of its phrase's word embeddings. So the
model learns to use tokens that are no words, as the experts' tokens will be.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import trange
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from deft.language.textbook import Page

HELD_OUT = 256  # pages
_WARM_UP = 0.05  # of all steps


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pages: Sequence[Page],
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    seed: int,
) -> float:
    """Train a model in place by next-token prediction; return the perplexity per token on the held-out pages.

    The first `HELD_OUT` pages are held out; at least ``batch`` more are needed. Matrices are trained by Muon (Jordan
    2024), whose peak is ``learning_rate``, all else by AdamW at a seventh of it, both under `cosine`.
    """
    encoded = [_EncodedPage(tokenizer, page) for page in pages]
    held_out, training = encoded[:HELD_OUT], encoded[HELD_OUT:]
    embedding = model.get_input_embeddings().weight
    matrices = [p for p in model.parameters() if p.ndim == 2 and p is not embedding]
    others = [p for p in model.parameters() if p.ndim != 2 or p is embedding]
    optimisers = [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.01),
        torch.optim.AdamW(others, lr=learning_rate / 7, weight_decay=0.01, betas=(0.9, 0.98)),
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: cosine(step, steps)) for o in optimisers]
    batches = _batches(len(training), batch, seed)
    model.train()
    progress = trange(steps, desc="backbone", unit="step", mininterval=1.0)
    for _ in progress:
        loss = _loss(model, [training[page] for page in next(batches)])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser, schedule in zip(optimisers, schedules, strict=True):
            optimiser.step()
            schedule.step()
        model.zero_grad()
        progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    model.eval()
    with torch.no_grad():
        return math.exp(float(_loss(model, held_out)))


class _EncodedPage:
    """A page as token ids: ``region_phrases``, a list per region, and ``text`` with the end token."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, page: Page) -> None:
        self.begin, self.pad = tokenizer.bos_token_id, tokenizer.pad_token_id
        self.region_phrases = [tokenizer.encode(phrase) for phrase in page.region_phrases]
        self.text = [*tokenizer.encode(page.text), tokenizer.eos_token_id]


def cosine(step: int, steps: int) -> float:
    """Return the share of the peak learning rate: a short linear warm-up, then half a cosine down to a tenth."""
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _batches(count: int, batch: int, seed: int) -> Iterator[Sequence[int]]:
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        yield from (order[at : at + batch].tolist() for at in range(0, count - batch + 1, batch))


def _loss(model: PreTrainedModel, pages: Sequence[_EncodedPage]) -> Tensor:
    embed, pad = model.get_input_embeddings(), pages[0].pad
    tokens, _ = pad_rows([page.text for page in pages], pad)
    regions = torch.stack([phrase_embeddings(embed, page.region_phrases, pad) for page in pages])
    begin = embed(torch.full((len(pages), 1), pages[0].begin))
    embedded = torch.cat([begin, regions, embed(tokens[:, :-1])], 1)
    logits = model(inputs_embeds=embedded, logits_to_keep=tokens.shape[1]).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=pad)


def phrase_embeddings(embed: nn.Embedding, phrases: Sequence[Sequence[int]], pad: int) -> Tensor:
    """Embed each phrase, a row of token ids, as its words' sum, scaled to one word's length: (phrases, width)."""
    ids, real = pad_rows(phrases, pad, embed.weight.device)
    total: Tensor = (embed(ids) * real[..., None]).sum(1) / real.sum(1, keepdim=True).sqrt()
    return total


def pad_rows(ids: Sequence[Sequence[int]], pad: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return token ids (rows, longest) with ``pad`` behind each row, and a mask of those that are real."""
    longest = max(map(len, ids))
    rows = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in ids], device=device)
    lengths = torch.tensor([[len(row)] for row in ids], device=device)
    return rows, torch.arange(longest, device=device)[None] < lengths
