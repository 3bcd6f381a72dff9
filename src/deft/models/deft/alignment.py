"""Motion tokens that start as words: the language model can read them before anything of it is tuned."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deft.llm.pretrain import cosine, summed
from deft.models.deft import model as deft

_BATCH = 24  # clips a step
_JITTER = 0.1  # the words must be read exactly


def words(model: deft.Deft, tokenizer: Any, seen: Sequence[Sequence[str]]) -> Tensor:
    """What each region of each face shows (faces, 17 phrases), as summed word embeddings (faces, 17, width)."""
    phrases, places = np.unique(np.array(seen), return_inverse=True)
    ids = [tokenizer.encode(str(phrase), add_special_tokens=False) for phrase in phrases]
    with torch.no_grad():
        embedded = summed(model.llm.get_input_embeddings(), ids, tokenizer.pad_token_id)
    return embedded[torch.from_numpy(places).reshape(len(seen), -1).to(embedded.device)].float()


def align(model: deft.Deft, reduced: Tensor, words: Tensor, rate: float, steps: int) -> None:
    """Let each region's projected token (clips, 17, components) start as the ``words`` for what the region shows.

    The language model itself is not run: only the motion projector learns, by cosine distance to the words
    (clips, 17, width) (the first of LLaVA's two stages, Liu et al. 2023, in our terms).
    """
    motion = [*model.project["motion"].parameters(), model.place["motion"]]
    optimiser = torch.optim.AdamW(motion, lr=2 * rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, steps))
    for _ in range(steps):
        clips = torch.randint(len(reduced), (_BATCH,), device=reduced.device)
        noisy = reduced[clips] + _JITTER * torch.randn_like(reduced[clips])
        tokens = model.projected("motion", noisy)
        loss = 1 - functional.cosine_similarity(tokens, words[clips], dim=-1).mean()
        torch.autograd.backward(loss)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
