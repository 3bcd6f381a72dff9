"""Answers of a tuned model: both heads, and the text, generated for many clips at once."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from deft.language import triple
from deft.language.grammar import Obey
from deft.llm import load as llm
from deft.llm.pretrain import padded
from deft.models.deft.model import Deft, Prompt, Shape
from deft.models.reduction import Views

LONGEST = 1024  # tokens of evidence and argument: some 40 are usual
CALLED = 0.5  # probability from which the unit head calls a unit
WORDS = 0.3  # power of a text's own likelihood: tuned on 100 clips, it is surer of itself than the emotion head


class Answer(NamedTuple):
    """``probabilities`` of the classes (in the model's order), of the units, and the generated ``text``."""

    emotions: list[float]
    units: list[float]
    text: str


@torch.inference_mode()
def answer(model: Deft, tokenizer: Any, task: str, vectors: Views) -> list[Answer]:
    """Answers for clips whose experts' vectors are (clips, tokens, dim); experts that are not given are hidden.

    Evidence and rationale are decoded greedily under the grammar, and name no unit that the head finds less likely than
    not. They end in the codes that they argue for, and in the class for which the emotion head's probability and the
    text's own likelihood, by the power `WORDS`, are together largest: classifier and generator decide as one. All
    prompts are equally long, so nothing is padded; keys and values are cached.
    """
    asked = llm.ask(tokenizer, task).to(model.device)
    prompt = model.prompt(model.tokens(model.reduce(vectors)), asked)
    emotions, units = prompt.emotion.softmax(-1), prompt.units.sigmoid().tolist()
    texts, words = [""] * len(units), torch.zeros_like(emotions)
    for rows, said, cache in _decoded(model, tokenizer, prompt, likely(model, prompt)):
        for row, text in zip(rows, tokenizer.batch_decode(said, skip_special_tokens=True), strict=True):
            texts[row] = text.strip()
        told = [texts[row] for row in rows]
        endings = [[_ended(text, emotion) for emotion in model.shape.emotions] for text in told]
        words[rows] = _likelihoods(model, tokenizer, prompt.embedded.shape[1], said, cache, told, endings)
    both = emotions.log() + WORDS * words
    best = both.argmax(-1).tolist()
    return [
        Answer(emotions[at].tolist(), units[at], _ended(texts[at], model.shape.emotions[ending]))
        for at, ending in enumerate(best)
    ]


def likely(model: Deft, prompt: Prompt) -> list[list[int]]:
    """Units of each clip that its head finds likelier than not."""
    shown = (prompt.units >= model.get_buffer("even")).tolist()
    return [[unit for unit, there in zip(model.shape.units, row, strict=True) if there] for row in shown]


@torch.inference_mode()
def without(model: Deft, tokenizer: Any, task: str, vectors: Views) -> list[dict[str, str]]:
    """The emotion head's class of each clip with each of several experts hidden in its turn."""
    asked = llm.ask(tokenizer, task).to(model.device)
    tokens = model.tokens(model.reduce(vectors))
    found: list[dict[str, str]] = [{} for _ in next(iter(vectors.values()))]
    for hidden in tokens if len(tokens) > 1 else ():
        left = {name: view for name, view in tokens.items() if name != hidden}
        for row, best in zip(found, model.prompt(left, asked).emotion.argmax(-1).tolist(), strict=True):
            row[hidden] = model.shape.emotions[best]
    return found


def row(given: Answer, without: Mapping[str, str], shape: Shape) -> dict[str, Any]:
    """An answer, and the classes `without` experts, as columns of `deft.core.schemas.PREDICTIONS`."""
    said = triple.parse(given.text)
    return {
        "emotion": max(zip(given.emotions, shape.emotions, strict=True))[1],
        "probabilities": [{"emotion": e, "p": p} for e, p in zip(shape.emotions, given.emotions, strict=True)],
        "without": [{"expert": expert, "emotion": emotion} for expert, emotion in without.items()],
        "units": _called(given.units, shape),
        "text": given.text,
        "parsed": said is not None,
        "said_emotion": said and said.emotion,
        "said_aus": said and said.code_texts,
        "evidence": said and [sight._asdict() for sight in said.evidence],
        "rationale": said and said.rationale,
    }


def _decoded(
    model: Deft, tokenizer: Any, prompt: Prompt, units: Sequence[Sequence[int]]
) -> Iterator[tuple[list[int], list[list[int]], Any]]:
    """Evidence and argument of each clip, which may name its ``units``: at each step the likeliest token that the
    grammar allows. Clips that are done leave together as soon as they are half of those left: their numbers, tokens,
    and the keys and values of prompts and tokens, with padding behind who was done before the others.
    """
    obey = Obey(tokenizer, units, model.shape.regions)
    embed, out, pad = model.llm.get_input_embeddings(), prompt.out, tokenizer.pad_token_id
    rows = alive = list(range(len(units)))
    for length in range(prompt.embedded.shape[1] + 1, prompt.embedded.shape[1] + 1 + LONGEST):
        at = [rows.index(row) for row in alive]
        best = obey.allowed(alive, out.logits[at, -1].float()).argmax(-1).tolist()
        said = {row: token for row, token in zip(alive, best, strict=True) if token != tokenizer.eos_token_id}
        alive, cache = list(said), out.past_key_values
        if not alive:
            break
        if 2 * len(alive) <= len(rows):
            done, left = [row for row in rows if row not in said], deepcopy(cache)
            left.batch_select_indices(torch.tensor([rows.index(row) for row in done], device=model.device))
            yield done, [obey.said[row] for row in done], left
            cache.batch_select_indices(torch.tensor([rows.index(row) for row in alive], device=model.device))
            rows = alive
        obey.say(alive, list(said.values()))
        tokens = torch.tensor([[said.get(row, pad)] for row in rows], device=model.device)
        mask = torch.ones(len(rows), length, dtype=torch.long, device=model.device)
        out = model.read(embed(tokens), mask, 1, past_key_values=cache)
    yield rows, [obey.said[row] for row in rows], out.past_key_values


def _ended(text: str, emotion: str) -> str:
    """An answer with its end; one that ran out of tokens before its rationale stays as it is, and will not parse."""
    return triple.concluded(text, emotion) if "Rationale: " in text else text


def _called(probabilities: Sequence[float], shape: Shape) -> list[int]:
    return [unit for unit, p in zip(shape.units, probabilities, strict=True) if p >= CALLED]


def _likelihoods(
    model: Deft,
    tokenizer: Any,
    prompt: int,
    said: Sequence[Sequence[int]],
    cache: Any,
    texts: Sequence[str],
    endings: Sequence[Sequence[str]],
) -> Tensor:
    """Log-likelihood (clips, classes) of each class as the end of what is ``said``, in the rationale's last words.

    ``texts`` are what is said, ``endings`` the whole answers. What was said is kept in ``cache``, behind a prompt of
    ``prompt`` tokens, and not read again;
    what a clip's endings have in common is read once, what sets them apart in branches that do not see each other.
    """
    classes, device, pad = len(endings[0]), model.device, tokenizer.pad_token_id
    stated = [text.rpartition(".\nCategory: ")[0] for each in endings for text in each]
    read = tokenizer(stated, add_special_tokens=False, return_offsets_mapping=True)
    behind = [
        [token for token, (start, _) in zip(ids, offsets, strict=True) if start >= len(texts[at // classes])]
        for at, (ids, offsets) in enumerate(zip(read["input_ids"], read["offset_mapping"], strict=True))
    ]
    # The last token that is common foretells the first that is not: branches begin with it.
    each = [[[*said[at][-1:], *behind[at * classes + of]] for of in range(classes)] for at in range(len(said))]
    last = [_common(tokens) - 1 for tokens in each]
    stem, told = padded([tokens[0][:at] for tokens, at in zip(each, last, strict=True)], pad, device)
    twigs, real = padded([branch[at:] for tokens, at in zip(each, last, strict=True) for branch in tokens], pad, device)
    clips, long, kept = len(said), twigs.shape[1], cache.get_seq_length()
    before = prompt - 1 + torch.tensor([[len(tokens)] for tokens in said], device=device)
    stems = torch.arange(stem.shape[1], device=device)
    branch = torch.cat([stems * 0, torch.arange(classes, device=device).repeat_interleave(long) + 1])
    twig = told.sum(1, keepdim=True) + torch.arange(long, device=device).repeat(classes)
    place = torch.cat([stems.expand(clips, -1), twig], 1)
    own = ((branch == 0) | (branch == branch[:, None])) & (place[:, None] <= place[..., None])
    own &= torch.cat([told, real.reshape(clips, -1)], 1)[:, None]
    past = (torch.arange(kept, device=device) < before)[:, None].expand(-1, own.shape[1], -1)
    embedded = model.llm.get_input_embeddings()(torch.cat([stem, twigs.reshape(clips, -1)], 1))
    mask = torch.where(torch.cat([past, own], -1), 0.0, torch.finfo(embedded.dtype).min).to(embedded.dtype)
    out = model.read(embedded, mask[:, None], classes * long, past_key_values=cache, position_ids=before + place)
    predicted = out.logits.reshape(clips * classes, long, -1)[:, :-1].float().log_softmax(-1)
    found: Tensor = predicted.gather(-1, twigs[:, 1:, None])[..., 0].masked_fill(~real[:, 1:], 0.0)
    return found.sum(1).reshape(clips, classes)


def _common(texts: Sequence[Sequence[int]]) -> int:
    """How many tokens several texts have in common at their beginning, up to a text's last but one."""
    most = min(map(len, texts)) - 1
    return next((at for at in range(most) if len({text[at] for text in texts}) > 1), most)
