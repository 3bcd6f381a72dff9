"""How likely a draft, evidence and argument, ends in each class, by the language model.

The answers of one draft share the first tokens behind it and differ after them. What they share but for its last token,
the stem, is run once; what follows, a branch per class, is run behind it, and branches do not attend to each other.
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
    drafts: Sequence[str],
    answers: Sequence[Sequence[str]],
) -> Tensor:
    """Return the log-likelihood (clips, classes) of each class as the end of each draft.

    ``generated`` are the drafts' token ids. ``cache`` holds the keys and values of the prompt, ``prompt_tokens`` long,
    and of these tokens; only the last token is run again, because it predicts the first token behind the draft.
    ``answers`` are whole, one per clip and class; each begins with its clip's draft.
    """
    clips, classes, device = len(generated), len(answers[0]), model.device
    tree = _tree(model, _continuations(model, generated, drafts, answers))
    length = tree.branches.shape[1]  # T; below N = S + classes · T
    kept_tokens = prompt_tokens - 1 + torch.tensor([[len(tokens)] for tokens in generated], device=device)  # (clips, 1)
    stem_at = torch.arange(tree.stem.shape[1], device=device)  # (S,)
    branch_at = torch.arange(length, device=device).repeat(classes)  # (classes · T,)
    behind_stem = tree.stem_real.sum(1, keepdim=True) + branch_at  # (clips, classes · T)
    position = torch.cat([stem_at.expand(clips, -1), behind_stem], 1)  # (clips, N)
    branch_number = torch.arange(classes, device=device).repeat_interleave(length) + 1
    branch_of = torch.cat([stem_at * 0, branch_number])  # (N,), 0 in the stem
    same_branch = (branch_of == 0) | (branch_of == branch_of[:, None])  # (N, N) [query, key]
    not_later = position[:, None] <= position[..., None]  # (clips, N, N)
    real = torch.cat([tree.stem_real, tree.branches_real.reshape(clips, -1)], 1)  # (clips, N)
    attends_new = same_branch & not_later & real[:, None]  # (clips, N, N)
    attends_cached = torch.arange(cache.get_seq_length(), device=device) < kept_tokens  # (clips, cached)
    attended = torch.cat([attends_cached[:, None].expand(-1, attends_new.shape[1], -1), attends_new], -1)
    ids = torch.cat([tree.stem, tree.branches.reshape(clips, -1)], 1)  # (clips, N)
    embedded = model.llm.get_input_embeddings()(ids)  # (clips, N, width)
    mask = torch.where(attended, 0.0, torch.finfo(embedded.dtype).min).to(embedded.dtype)  # (clips, N, cached + N)
    out = model.run_llm(
        embedded, mask[:, None], classes * length, past_key_values=cache, position_ids=kept_tokens + position
    )
    logits = out.logits.reshape(clips * classes, length, -1)[:, :-1].float()  # (clips · classes, T − 1, vocabulary)
    scores = logits.log_softmax(-1).gather(-1, tree.branches[:, 1:, None])[..., 0]  # (clips · classes, T − 1)
    total: Tensor = scores.masked_fill(~tree.branches_real[:, 1:], 0.0).sum(1)
    return total.reshape(clips, classes)


def _continuations(
    model: Deft,
    generated: Sequence[Sequence[int]],
    drafts: Sequence[str],
    answers: Sequence[Sequence[str]],
) -> list[list[list[int]]]:
    """Return per clip and class the last generated token and the tokens of the answer behind the draft."""
    continuations = []
    for tokens, draft, whole in zip(generated, drafts, answers, strict=True):
        stated = [answer.rpartition(_END)[0] for answer in whole]
        encoded = model.tokenizer(stated, add_special_tokens=False, return_offsets_mapping=True)
        behind = [
            [token for token, (start, _) in zip(ids, offsets, strict=True) if start >= len(draft)]
            for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ]
        continuations.append([[*tokens[-1:], *ids] for ids in behind])
    return continuations


def _tree(model: Deft, continuations: Sequence[Sequence[Sequence[int]]]) -> _Tree:
    """Split each clip's continuations into a stem and branches, and pad them.

    The last token that all continuations share predicts the first that differs, so it begins every branch instead of
    ending the stem.
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
