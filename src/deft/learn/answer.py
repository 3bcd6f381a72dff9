"""Answers of a tuned model: both heads, and the text, generated for many clips at once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from deft.language import triple
from deft.language.grammar import Obey
from deft.learn.pretrain import padded
from deft.models import llm
from deft.models.deft import Deft, Shape
from deft.models.views import Views

LONGEST = 512  # tokens of an answer: some 40 are usual, 350 the most that the grammar allows
CALLED = 0.5  # probability from which the unit head calls a unit


class Answer(NamedTuple):
    """``probabilities`` of the classes (in the model's order), of the units, and the generated ``text``."""

    emotions: list[float]
    units: list[float]
    text: str


@torch.no_grad()
def answer(model: Deft, tokenizer: Any, task: str, vectors: Views) -> list[Answer]:
    """Answers for clips whose experts' vectors are (clips, tokens, dim).

    Evidence and rationale are decoded greedily under the grammar, and name no unit that the head does not call. They
    end in the codes that they argue for, and in the class for which the words' own likelihood and the emotion head's
    probability are together largest: generator and classifier decide as one. All prompts are equally long, so nothing
    is padded; keys and values are cached.
    """
    reduced = model.reduce({name: torch.from_numpy(vectors[name]) for name in model.shape.experts})
    asked = llm.ask(tokenizer, task)
    tokens = model.tokens(reduced)
    prompt = model.prompt(tokens, asked)
    called = [_called(row, model.shape) for row in prompt.units.sigmoid().tolist()]
    generated = model.llm.generate(
        inputs_embeds=prompt.embedded,
        attention_mask=torch.ones(prompt.embedded.shape[:2], dtype=torch.long),
        max_new_tokens=LONGEST,
        do_sample=False,
        logits_processor=[Obey(tokenizer, model.shape.emotions, called)],
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    texts = [text.strip() for text in tokenizer.batch_decode(generated, skip_special_tokens=True)]
    emotions = prompt.emotion.softmax(-1)
    told = {at: text for at, text in enumerate(texts) if triple.parse(text)}  # the others ran out of tokens
    for at, text in told.items():
        clip = {name: view[at : at + 1] for name, view in tokens.items()}
        candidates = [triple.concluded(text, emotion) for emotion in model.shape.emotions]
        both = _likelihoods(model, tokenizer, asked, clip, candidates) + emotions[at].log()
        texts[at] = candidates[int(both.argmax())]
    return [
        Answer(e.tolist(), u.tolist(), text) for e, u, text in zip(emotions, prompt.units.sigmoid(), texts, strict=True)
    ]


def row(given: Answer, shape: Shape) -> dict[str, Any]:
    """An answer as columns of `deft.tables.PREDICTIONS`."""
    said = triple.parse(given.text)
    return {
        "emotion": max(zip(given.emotions, shape.emotions, strict=True))[1],
        "probabilities": [{"emotion": e, "p": p} for e, p in zip(shape.emotions, given.emotions, strict=True)],
        "units": _called(given.units, shape),
        "text": given.text,
        "parsed": said is not None,
        "said_emotion": said and said.emotion,
        "said_aus": said and said.aus,
        "evidence": said and [sight._asdict() for sight in said.evidence],
        "rationale": said and said.rationale,
    }


def _called(probabilities: Sequence[float], shape: Shape) -> list[int]:
    return [unit for unit, p in zip(shape.units, probabilities, strict=True) if p >= CALLED]


def _likelihoods(
    model: Deft, tokenizer: Any, asked: Tensor, clip: Mapping[str, Tensor], texts: Sequence[str]
) -> Tensor:
    """Log-likelihood (texts,) of several answers to one clip."""
    ids = [[*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id] for text in texts]
    tokens = padded(ids, tokenizer.pad_token_id)
    real = torch.arange(tokens.shape[1])[None] < torch.tensor([[len(row)] for row in ids])
    repeated = {name: view.expand(len(texts), -1, -1) for name, view in clip.items()}
    logits = model(repeated, asked, tokens, real).text.log_softmax(-1)
    return torch.where(real, logits.gather(-1, tokens[..., None])[..., 0], 0.0).sum(1)
