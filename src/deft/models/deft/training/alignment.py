"""Alignment: motion tokens start as words, so that the language model can use them before anything of it is tuned."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deft.llm.pretrain import cosine, phrase_embeddings
from deft.models.deft.model import Deft

_BATCH = 24  # clips per step
_NOISE = 0.1  # standard deviation on the components: little, because the words must be met exactly


def embed_phrases(model: Deft, region_phrases: Sequence[Sequence[str]]) -> Tensor:
    """Embed a phrase per region and example (examples, 17 phrases) as summed word embeddings (examples, 17, width)."""
    phrases, positions = np.unique(np.array(region_phrases), return_inverse=True)
    ids = [model.tokenizer.encode(str(phrase), add_special_tokens=False) for phrase in phrases]
    with torch.no_grad():
        embedded = phrase_embeddings(model.llm.get_input_embeddings(), ids, model.tokenizer.pad_token_id)
    positions_of_examples = torch.from_numpy(positions).reshape(len(region_phrases), -1)  # (examples, 17)
    return embedded[positions_of_examples.to(embedded.device)].float()


def align(model: Deft, components: Tensor, words: Tensor, learning_rate: float, steps: int) -> None:
    """Train the motion projector in place until a region's token (clips, 17, components) looks like its ``words``.

    The language model itself is not run: the projector alone learns, by cosine distance to the words
    (clips, 17, width). This is the first of LLaVA's two stages (Liu et al. 2023), in our terms.
    """
    projector = model.projectors["motion"]
    optimiser = torch.optim.AdamW(projector.parameters(), lr=2 * learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, steps))
    for _ in range(steps):
        clips = torch.randint(len(components), (_BATCH,), device=components.device)
        noisy = components[clips] + _NOISE * torch.randn_like(components[clips])
        loss = 1 - functional.cosine_similarity(projector(noisy), words[clips], dim=-1).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
