"""How likely a generated argument ends in each class, by the language model.

The endings of one argument share their first tokens and differ behind them. What they share, the stem, is run once;
what sets them apart, a branch per class, is run behind it, and branches do not attend to each other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from deft.llm.pretrain import pad_rows
from deft.models.deft.model import Deft

_END = ".\nCategory: "  # what follows it, the category, is not scored


class _Tree(NamedTuple):
    """Padded token ids: ``stem`` (clips, S) with its mask ``stem_real``, ``branches`` (clips · classes, T) likewise."""

    stem: Tensor
    stem_real: Tensor
    branches: Tensor
    branches_real: Tensor


def class_log_likelihoods(
    model: Deft,
    prompt_tokens: int,
    generated: Sequence[Sequence[int]],
    cache: Cache,
    arguments: Sequence[str],
    endings: Sequence[Sequence[str]],
) -> Tensor:
    """Return the log-likelihood (clips, classes) of each class as the end of each argument.

    ``generated`` are the arguments' token ids, whose keys and values, behind a prompt of ``prompt_tokens``, lie in
    ``cache`` and are not computed again. ``endings`` are the whole answers, one per clip and class; each begins with
    its clip's argument.
    """
    clips, classes, device = len(generated), len(endings[0]), model.device
    tree = _tree(model, _continuations(model, generated, arguments, endings))
    length = tree.branches.shape[1]
    # Positions follow the prompt and all generated tokens but the last, with which the continuations begin.
    before = prompt_tokens - 1 + torch.tensor([[len(tokens)] for tokens in generated], device=device)  # (clips, 1)
    stem_at = torch.arange(tree.stem.shape[1], device=device)  # (S,)
    branch_at = tree.stem_real.sum(1, keepdim=True) + torch.arange(length, device=device).repeat(classes)
    position = torch.cat([stem_at.expand(clips, -1), branch_at], 1)  # (clips, S + classes · T)
    branch_of = torch.cat([stem_at * 0, torch.arange(classes, device=device).repeat_interleave(length) + 1])
    same_branch = (branch_of == 0) | (branch_of == branch_of[:, None])
    earlier = position[:, None] <= position[..., None]
    real = torch.cat([tree.stem_real, tree.branches_real.reshape(clips, -1)], 1)
    inside = same_branch & earlier & real[:, None]  # (clips, queries, keys)
    cached = torch.arange(cache.get_seq_length(), device=device) < before  # (clips, kept)
    attended = torch.cat([cached[:, None].expand(-1, inside.shape[1], -1), inside], -1)
    ids = torch.cat([tree.stem, tree.branches.reshape(clips, -1)], 1)
    embedded = model.llm.get_input_embeddings()(ids)
    mask = torch.where(attended, 0.0, torch.finfo(embedded.dtype).min).to(embedded.dtype)[:, None]
    last = classes * length
    out = model.run_llm(embedded, mask, last, past_key_values=cache, position_ids=before + position)
    predicted = out.logits.reshape(clips * classes, length, -1)[:, :-1].float().log_softmax(-1)
    scores = predicted.gather(-1, tree.branches[:, 1:, None])[..., 0]  # (clips · classes, T - 1)
    total: Tensor = scores.masked_fill(~tree.branches_real[:, 1:], 0.0).sum(1)
    return total.reshape(clips, classes)


def _continuations(
    model: Deft,
    generated: Sequence[Sequence[int]],
    arguments: Sequence[str],
    endings: Sequence[Sequence[str]],
) -> list[list[list[int]]]:
    """Return per clip and class the last generated token and the tokens of the ending behind the argument."""
    found = []
    for tokens, argument, answers in zip(generated, arguments, endings, strict=True):
        stated = [answer.rpartition(_END)[0] for answer in answers]
        encoded = model.tokenizer(stated, add_special_tokens=False, return_offsets_mapping=True)
        behind = [
            [token for token, (start, _) in zip(ids, offsets, strict=True) if start >= len(argument)]
            for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ]
        found.append([[*tokens[-1:], *ids] for ids in behind])
    return found


def _tree(model: Deft, continuations: Sequence[Sequence[Sequence[int]]]) -> _Tree:
    """Split each clip's continuations into a stem and branches, and pad them.

    The stem's last token predicts the first that differs, so branches begin with it.
    """
    pad, stems, branches = model.tokenizer.pad_token_id, [], []
    for classes in continuations:
        split = _common(classes) - 1
        stems.append(classes[0][:split])
        branches += [tokens[split:] for tokens in classes]
    return _Tree(*pad_rows(stems, pad, model.device), *pad_rows(branches, pad, model.device))


def _common(rows: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all rows begin with in common, at most up to the shortest row's last but one."""
    most = min(map(len, rows)) - 1
    return next((at for at in range(most) if len({row[at] for row in rows}) > 1), most)
