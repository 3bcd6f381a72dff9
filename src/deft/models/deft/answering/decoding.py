"""Answers of a tuned model: both heads, and the text, generated for many clips at once."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from transformers.cache_utils import Cache

from deft.core.tables import Row
from deft.language import triple
from deft.language.grammar import Constraint
from deft.models import Views
from deft.models.deft.answering.likelihood import class_log_likelihoods
from deft.models.deft.model import Config, Deft, Prompt

MAX_TOKENS = 1024  # of evidence and argument: some 40 are usual
SHOWN = 0.5  # probability from which the unit head calls a unit


class Answer(NamedTuple):
    """``emotions`` (classes,) and ``units`` (units,) are probabilities in the model's order, ``text`` the answer."""

    emotions: list[float]
    units: list[float]
    text: str


class Generated(NamedTuple):
    """Evidence and argument of some clips: their indices ``clips``, their token ids without the end token, and the keys
    and values of prompts and tokens, with padding behind shorter answers.
    """

    clips: list[int]
    tokens: list[list[int]]
    cache: Cache


@torch.inference_mode()
def answer(model: Deft, views: Views) -> list[Answer]:
    """Answer for clips whose experts' tokens are (clips, tokens, dim); experts that are missing are hidden.

    Evidence and rationale are decoded greedily under the grammar, and name no unit that the head finds less likely than
    not. The answer ends in the codes that it argues for, and in the class for which the emotion head's log-probability
    and the text's own log-likelihood, weighted by ``text_weight``, are together largest: classifier and generator
    decide as one. All prompts are equally long, so nothing is padded; keys and values are cached.
    """
    classes = model.config.emotions
    prompt = model.encode_prompt(model.project(model.reduce(views)))
    emotions, units = prompt.emotion.softmax(-1), prompt.units.sigmoid().tolist()  # (clips, classes), (clips, units)
    texts, text_scores = [""] * len(units), torch.zeros_like(emotions)
    for group in generate(model, prompt, likely_units(model, prompt)):
        arguments = [text.strip() for text in model.tokenizer.batch_decode(group.tokens, skip_special_tokens=True)]
        endings = [[_conclude(argument, emotion) for emotion in classes] for argument in arguments]
        prompt_tokens = prompt.embedded.shape[1]
        scores = class_log_likelihoods(model, prompt_tokens, group.tokens, group.cache, arguments, endings)
        text_scores[group.clips] = scores
        for clip, argument in zip(group.clips, arguments, strict=True):
            texts[clip] = argument
    best = (emotions.log() + model.config.text_weight * text_scores).argmax(-1).tolist()
    return [
        Answer(emotions[clip].tolist(), units[clip], _conclude(texts[clip], classes[ending]))
        for clip, ending in enumerate(best)
    ]


def likely_units(model: Deft, prompt: Prompt) -> list[list[int]]:
    """Return the units that each clip's head finds more likely shown than not."""
    shown = (prompt.units >= model.au_thresholds).tolist()  # (clips, units)
    return [[unit for unit, likely in zip(model.config.units, row, strict=True) if likely] for row in shown]


@torch.inference_mode()
def classes_without(model: Deft, views: Views) -> list[dict[str, str]]:
    """Return each clip's class by the emotion head with each of several experts hidden in turn: expert → class."""
    prefix = model.project(model.reduce(views))
    classes: list[dict[str, str]] = [{} for _ in next(iter(views.values()))]
    for hidden in prefix if len(prefix) > 1 else ():
        others = {name: tokens for name, tokens in prefix.items() if name != hidden}
        best = model.encode_prompt(others).emotion.argmax(-1).tolist()
        for clip, emotion in zip(classes, best, strict=True):
            clip[hidden] = model.config.emotions[emotion]
    return classes


def to_row(answer: Answer, without: dict[str, str], config: Config) -> Row:
    """Return an answer, and the classes without each expert, as columns of `deft.core.schemas.PREDICTIONS`."""
    parsed = triple.parse(answer.text)
    emotions = list(zip(config.emotions, answer.emotions, strict=True))
    return {
        "emotion": max(emotions, key=lambda pair: (pair[1], pair[0]))[0],
        "probabilities": [{"emotion": emotion, "p": p} for emotion, p in emotions],
        "without": [{"expert": expert, "emotion": emotion} for expert, emotion in without.items()],
        "units": [unit for unit, p in zip(config.units, answer.units, strict=True) if p >= SHOWN],
        "text": answer.text,
        "parsed": parsed is not None,
        "said_emotion": parsed and parsed.emotion,
        "said_aus": parsed and parsed.code_texts,
        "evidence": parsed and [sight._asdict() for sight in parsed.evidence],
        "rationale": parsed and parsed.rationale,
    }


def generate(model: Deft, prompt: Prompt, units: Sequence[Sequence[int]]) -> Iterator[Generated]:
    """Decode evidence and argument of clips, which may name their ``units``: the likeliest token that is allowed.

    Finished clips leave the batch together, as soon as half of it is finished.
    """
    constraint = Constraint(model.tokenizer, units, model.config.regions)
    embed, out = model.llm.get_input_embeddings(), prompt.out
    pad, end = model.tokenizer.pad_token_id, model.tokenizer.eos_token_id
    rows = alive = list(range(len(units)))  # clips whose keys and values are kept; those of them that go on
    first = prompt.embedded.shape[1] + 1
    for length in range(first, first + MAX_TOKENS):
        logits = out.logits[[rows.index(clip) for clip in alive], -1].float()  # (alive, vocabulary)
        best = constraint.mask(alive, logits).argmax(-1).tolist()
        following = {clip: token for clip, token in zip(alive, best, strict=True) if token != end}
        alive, cache = list(following), out.past_key_values
        if not alive:
            break
        if 2 * len(alive) <= len(rows):
            finished, kept = [clip for clip in rows if clip not in following], deepcopy(cache)
            kept.batch_select_indices(_positions(finished, rows, model))
            yield Generated(finished, [constraint.tokens[clip] for clip in finished], kept)
            cache.batch_select_indices(_positions(alive, rows, model))
            rows = alive
        constraint.append(alive, list(following.values()))
        tokens = torch.tensor([[following.get(clip, pad)] for clip in rows], device=model.device)  # (rows, 1)
        mask = torch.ones(len(rows), length, dtype=torch.long, device=model.device)
        out = model.run_llm(embed(tokens), mask, 1, past_key_values=cache)
    yield Generated(rows, [constraint.tokens[clip] for clip in rows], out.past_key_values)


def _positions(clips: Sequence[int], rows: Sequence[int], model: Deft) -> torch.Tensor:
    return torch.tensor([rows.index(clip) for clip in clips], device=model.device)


def _conclude(argument: str, emotion: str) -> str:
    """Return an answer with its end; one that ran out of tokens before its rationale stays as it is, unparsable."""
    return triple.concluded(argument, emotion) if "Rationale: " in argument else argument
