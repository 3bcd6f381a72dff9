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
from deft.models.deft.model import FIELD, Config, Deft, EncodedPrompt

MAX_TOKENS = 1024  # of evidence and argument: some 40 are usual
CALLED = 0.5  # probability from which a row lists a unit; the text may name `likely_units`, which is another bound

_LEAST = 1e-6  # probability, of a mean that becomes a logit again


class Answer(NamedTuple):
    """``emotions`` (classes,) and ``units`` (units,) are probabilities in the model's order, ``text`` the answer."""

    emotions: list[float]
    units: list[float]
    text: str


class Generated(NamedTuple):
    """Drafts, evidence and argument without the conclusion, of some clips.

    ``clips`` are their indices, ``tokens`` their token ids without the end token, ``cache`` the keys and values of
    prompts and tokens, with padding behind shorter drafts.
    """

    clips: list[int]
    tokens: list[list[int]]
    cache: Cache


@torch.inference_mode()
def answer(model: Deft, views: Views) -> list[Answer]:
    """Answer for clips whose experts' tokens are (clips, tokens, dim); experts that are missing are hidden.

    Evidence and argument are decoded greedily under the grammar; the argument names `likely_units` alone. The answer
    ends in the codes that it argues for, and in the class for which the emotion head's log-probability and the text's
    own log-likelihood, weighted by ``text_weight``, are together largest: classifier and generator decide as one. All
    prompts are equally long, so they need no padding; a finished clip is fed pad tokens until it leaves the batch.
    """
    classes = model.config.emotions
    prompt = encode(model, views)
    emotions = prompt.emotion.softmax(-1)  # (clips, classes)
    units = prompt.units.sigmoid().tolist()  # (clips, units)
    drafts = [""] * len(units)
    text_scores = torch.zeros_like(emotions)
    for group in generate(model, prompt, likely_units(model, prompt, views)):
        texts = model.tokenizer.batch_decode(group.tokens, skip_special_tokens=True)
        group_drafts = [text.strip() for text in texts]
        answers = [[_conclude(draft, emotion) for emotion in classes] for draft in group_drafts]
        prompt_tokens = prompt.embedded.shape[1]
        scores = class_log_likelihoods(model, prompt_tokens, group.tokens, group.cache, group_drafts, answers)
        text_scores[group.clips] = scores
        for clip, draft in zip(group.clips, group_drafts, strict=True):
            drafts[clip] = draft
    best = (emotions.log() + model.config.text_weight * text_scores).argmax(-1).tolist()
    return [
        Answer(emotions[clip].tolist(), units[clip], _conclude(drafts[clip], classes[best_class]))
        for clip, best_class in enumerate(best)
    ]


@torch.inference_mode()
def encode(model: Deft, views: Views) -> EncodedPrompt:
    """Encode the prompt of clips, see `answer`: heads and thresholds decide on the mean probabilities of all seeds."""
    seeds = (*model.others, model)
    prompts = [seed.encode_prompt(seed.project(seed.reduce(views)), seed.unit_scores(views)) for seed in seeds]
    prompt = prompts[-1]
    if not model.others:
        return prompt
    emotion = torch.stack([each.emotion.softmax(-1) for each in prompts]).mean(0).log()
    units = torch.stack([each.units.sigmoid() for each in prompts]).mean(0).logit(_LEAST)
    return prompt._replace(emotion=emotion, units=units)


def likely_units(model: Deft, prompt: EncodedPrompt, views: Views) -> list[list[int]]:
    """Return the units that each clip's head finds more likely shown than not, and the motion prior too.

    The tokens of the expert "field" begin with the prior's log-odds; a clip without them (NaN) has the head alone.
    """
    shown = prompt.units >= model.au_thresholds  # (clips, units)
    if FIELD in model.config.experts and FIELD in views:
        log_odds = torch.from_numpy(views[FIELD][:, 0, : len(model.config.units)])
        shown &= ~(log_odds < 0).to(model.device)
    return [[unit for unit, likely in zip(model.config.units, row, strict=True) if likely] for row in shown.tolist()]


@torch.inference_mode()
def classes_without(model: Deft, views: Views) -> list[dict[str, str]]:
    """Return each clip's class by the emotion head with each expert hidden in turn: expert → class.

    Empty for a model with one expert.
    """
    classes: list[dict[str, str]] = [{} for _ in next(iter(views.values()))]
    visible = {name: views[name] for name in model.config.experts if name in views}
    for hidden in visible if len(visible) > 1 else ():
        others = {name: tokens for name, tokens in visible.items() if name != hidden}
        best = encode(model, others).emotion.argmax(-1).tolist()
        for clip, emotion in zip(classes, best, strict=True):
            clip[hidden] = model.config.emotions[emotion]
    return classes


def to_row(answer: Answer, without: dict[str, str], config: Config) -> Row:
    """Return an answer, and the classes without each expert, as columns of `deft.core.schemas.PREDICTIONS`.

    "emotion" is the emotion head's class alone; the class that head and text decide together is "said_emotion".
    """
    parsed = triple.parse(answer.text)
    emotions = list(zip(config.emotions, answer.emotions, strict=True))
    return {
        "emotion": max(emotions, key=lambda pair: (pair[1], pair[0]))[0],
        "probabilities": [{"emotion": emotion, "p": p} for emotion, p in emotions],
        "without": [{"expert": expert, "emotion": emotion} for expert, emotion in without.items()],
        "units": [unit for unit, p in zip(config.units, answer.units, strict=True) if p >= CALLED],
        "text": answer.text,
        "parsed": parsed is not None,
        "said_emotion": parsed and parsed.emotion,
        "said_aus": parsed and parsed.code_texts,
        "evidence": parsed and [sight._asdict() for sight in parsed.evidence],
        "rationale": parsed and parsed.rationale,
    }


def generate(model: Deft, prompt: EncodedPrompt, units: Sequence[Sequence[int]]) -> Iterator[Generated]:
    """Decode each clip's draft greedily: always the likeliest token that the grammar allows.

    Clip i may name the units of ``units[i]``. Once half of the batch has finished, those clips are yielded and leave
    it.
    """
    constraint = Constraint(model.tokenizer, units, model.config.max_regions)
    embed, out = model.llm.get_input_embeddings(), prompt.out
    pad, end = model.tokenizer.pad_token_id, model.tokenizer.eos_token_id
    cached_clips = list(range(len(units)))  # clips in the batch and in the cache, in order
    alive = cached_clips  # those whose draft goes on
    first = prompt.embedded.shape[1] + 1
    for length in range(first, first + MAX_TOKENS):
        logits = out.logits[[cached_clips.index(clip) for clip in alive], -1].float()  # (alive, vocabulary)
        chosen = constraint.mask(alive, logits).argmax(-1).tolist()
        next_tokens = {clip: token for clip, token in zip(alive, chosen, strict=True) if token != end}
        alive = list(next_tokens)
        cache = out.past_key_values
        if not alive:
            break
        if 2 * len(alive) <= len(cached_clips):
            finished = [clip for clip in cached_clips if clip not in next_tokens]
            kept = deepcopy(cache)  # selecting works in place
            kept.batch_select_indices(_positions(finished, cached_clips, model))
            yield Generated(finished, [constraint.tokens[clip] for clip in finished], kept)
            cache.batch_select_indices(_positions(alive, cached_clips, model))
            cached_clips = alive
        constraint.append(alive, list(next_tokens.values()))
        tokens = torch.tensor([[next_tokens.get(clip, pad)] for clip in cached_clips], device=model.device)
        mask = torch.ones(len(cached_clips), length, dtype=torch.long, device=model.device)
        out = model.run_llm(embed(tokens), mask, 1, past_key_values=cache)
    yield Generated(cached_clips, [constraint.tokens[clip] for clip in cached_clips], out.past_key_values)


def _positions(clips: Sequence[int], rows: Sequence[int], model: Deft) -> torch.Tensor:
    return torch.tensor([rows.index(clip) for clip in clips], device=model.device)


def _conclude(draft: str, emotion: str) -> str:
    """Return a draft with its conclusion; one that ended before its rationale stays as it is, and will not parse."""
    return triple.concluded(draft, emotion) if "Rationale: " in draft else draft
