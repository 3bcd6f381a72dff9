"""Answers of a tuned model: both heads, and the text, generated for many clips at once."""

from typing import Any, NamedTuple

import torch

from deft.learn.train import ask
from deft.models.deft import Deft
from deft.models.views import Views


class Answer(NamedTuple):
    """``probabilities`` of the classes (in the model's order), of the units, and the generated ``text``."""

    emotions: list[float]
    units: list[float]
    text: str


@torch.no_grad()
def answer(model: Deft, tokenizer: Any, task: str, vectors: Views, longest: int) -> list[Answer]:
    """Greedy answers of at most ``longest`` tokens for clips whose experts' vectors are (clips, tokens, dim).

    All prompts are equally long, so nothing is padded; keys and values are cached.
    """
    reduced = model.reduce({name: torch.from_numpy(vectors[name]) for name in model.shape.experts})
    prompt = model.prompt(reduced, ask(tokenizer, task))
    mask = torch.ones(prompt.shape[:2], dtype=torch.long)
    emotion, units = model.heads(model.hidden(prompt, mask)[:, -1])
    generated = model.llm.generate(
        inputs_embeds=prompt,
        attention_mask=mask,
        max_new_tokens=longest,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    texts = tokenizer.batch_decode(generated, skip_special_tokens=True)
    return [
        Answer(e.tolist(), u.tolist(), text.strip())
        for e, u, text in zip(emotion.softmax(-1), units.sigmoid(), texts, strict=True)
    ]
