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

LONGEST = 1024  # tokens of evidence and argument: some 40 are usual
CALLED = 0.5  # probability from which the unit head calls a unit
WORDS = 0.3  # power of a text's own likelihood: tuned on 100 clips, it is surer of itself than the emotion head


class Answer(NamedTuple):
    """``probabilities`` of the classes (in the model's order), of the units, and the generated ``text``.

    ``without`` has the head's class with each expert of several hidden from it.
    """

    emotions: list[float]
    units: list[float]
    text: str
    without: dict[str, str]


@torch.no_grad()
def answer(model: Deft, tokenizer: Any, task: str, vectors: Views) -> list[Answer]:
    """Answers for clips whose experts' vectors are (clips, tokens, dim); experts that are not given are hidden.

    Evidence and rationale are decoded greedily under the grammar, and name no unit that the head finds less likely than
    not. They end in the codes that they argue for, and in the class for which the emotion head's probability and the
    text's own likelihood, by the power `WORDS`, are together largest: classifier and generator decide as one. All
    prompts are equally long, so nothing is padded; keys and values are cached.
    """
    asked = llm.ask(tokenizer, task).to(model.device)
    tokens = model.tokens(model.reduce(vectors))
    prompt = model.prompt(tokens, asked)
    emotions, units = prompt.emotion.softmax(-1), prompt.units.sigmoid().tolist()
    likely = [
        [unit for unit, shown in zip(model.shape.units, row, strict=True) if shown]
        for row in (prompt.units >= model.get_buffer("even")).tolist()
    ]
    generated = model.llm.generate(
        inputs_embeds=prompt.embedded,
        attention_mask=torch.ones(prompt.embedded.shape[:2], dtype=torch.long, device=model.device),
        max_new_tokens=LONGEST,
        do_sample=False,
        logits_processor=[Obey(tokenizer, likely, model.shape.regions)],
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    texts = [text.strip() for text in tokenizer.batch_decode(generated, skip_special_tokens=True)]
    endings = [[_ended(text, emotion) for emotion in model.shape.emotions] for text in texts]
    both = emotions.log() + WORDS * _likelihoods(model, tokenizer, prompt.embedded, endings)
    without = _without(model, tokens, asked)
    return [
        Answer(
            emotions[at].tolist(), units[at], endings[at][best], {name: given[at] for name, given in without.items()}
        )
        for at, best in enumerate(both.argmax(-1).tolist())
    ]


def row(given: Answer, shape: Shape) -> dict[str, Any]:
    """An answer as columns of `deft.tables.PREDICTIONS`."""
    said = triple.parse(given.text)
    return {
        "emotion": max(zip(given.emotions, shape.emotions, strict=True))[1],
        "probabilities": [{"emotion": e, "p": p} for e, p in zip(shape.emotions, given.emotions, strict=True)],
        "without": [{"expert": expert, "emotion": emotion} for expert, emotion in given.without.items()],
        "units": _called(given.units, shape),
        "text": given.text,
        "parsed": said is not None,
        "said_emotion": said and said.emotion,
        "said_aus": said and said.aus,
        "evidence": said and [sight._asdict() for sight in said.evidence],
        "rationale": said and said.rationale,
    }


def _ended(text: str, emotion: str) -> str:
    """An answer with its end; one that ran out of tokens before its rationale stays as it is, and will not parse."""
    return triple.concluded(text, emotion) if "Rationale: " in text else text


def _called(probabilities: Sequence[float], shape: Shape) -> list[int]:
    return [unit for unit, p in zip(shape.units, probabilities, strict=True) if p >= CALLED]


def _without(model: Deft, tokens: Mapping[str, Tensor], asked: Tensor) -> dict[str, list[str]]:
    """The head's classes with each expert hidden in its turn, if more than one is there."""
    found = {}
    for hidden in tokens if len(tokens) > 1 else ():
        left = {name: view for name, view in tokens.items() if name != hidden}
        best = model.prompt(left, asked).emotion.argmax(-1).tolist()
        found[hidden] = [model.shape.emotions[at] for at in best]
    return found


def _likelihoods(model: Deft, tokenizer: Any, asked: Tensor, endings: Sequence[Sequence[str]]) -> Tensor:
    """Log-likelihood (clips, classes) of several answers to each clip whose prompt is ``asked`` (clips, prompt, width).

    What a clip's answers have in common is left out of the likelihood, and read once: its keys and values are kept for
    what sets them apart.
    """
    pad, device, embed = tokenizer.pad_token_id, model.device, model.llm.get_input_embeddings()
    answers = [[llm.tell(tokenizer, text) for text in texts] for texts in endings]
    parts = [_parting(texts) for texts in answers]
    backwards = [texts[0][:at][::-1] for texts, at in zip(answers, parts, strict=True)]
    shared, real = (found.flip(1) for found in padded(backwards, pad, device))  # all end where the answers part
    own, told = padded([text[at:] for texts, at in zip(answers, parts, strict=True) for text in texts], pad, device)
    before = torch.cat([real.new_ones(asked.shape[:2]), real], 1).long()
    start = model.read(torch.cat([asked, embed(shared)], 1), before, 1, use_cache=True, position_ids=_places(before))
    classes = len(endings[0])
    start.past_key_values.batch_repeat_interleave(classes)
    mask = torch.cat([before.repeat_interleave(classes, 0), told.long()], 1)
    places = _places(mask)[:, -own.shape[1] :]
    after = model.read(embed(own), mask, own.shape[1], past_key_values=start.past_key_values, position_ids=places)
    first = start.logits.repeat_interleave(classes, 0)
    predicted = torch.cat([first, after.logits[:, :-1]], 1).float().log_softmax(-1)
    found = predicted.gather(-1, own[..., None])[..., 0].masked_fill(~told, 0.0).sum(1)
    return found.reshape(len(endings), classes)


def _parting(texts: Sequence[Sequence[int]]) -> int:
    """How many tokens several texts have in common at their beginning."""
    together = zip(*texts, strict=False)
    return next((at for at, tokens in enumerate(together) if len(set(tokens)) > 1), min(map(len, texts)) - 1)


def _places(mask: Tensor) -> Tensor:
    """Positions (B, length) of a mask's real tokens, counted from 0."""
    return (mask.cumsum(1) - 1).clamp(min=0)
