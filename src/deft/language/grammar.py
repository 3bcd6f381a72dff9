"""The grammar that generation obeys (llguidance): whatever is decoded is a triple in the words of the tables."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

import llguidance
import llguidance.hf
import llguidance.numpy
import numpy as np
import torch
from transformers import LogitsProcessor

from deft.facs import words
from deft.facs.regions import REGIONS, place, side
from deft.facs.units import UNITS, observable
from deft.language import triple

_MOVES, _UNITS = 9, 6  # more than an answer of ours ever names


def lark(emotions: Sequence[str], units: Collection[int]) -> str:
    """The form of `deft.language.triple` for these classes and ``units``, as a Lark grammar.

    Evidence goes from brow to chin and names a region at most once; rationale and category name the same class. What
    could be cut in two ways (``down`` and ``down and in``) stands inside one terminal.
    """
    ways = {region: _any(f" {way}" for way in (*words.ways(region), *words.OPENING)) for region in REGIONS}
    moves = [f"{region}{ways[region]}" for region in REGIONS]
    moves += [f"both {place(region)}s{ways[region]}" for region in REGIONS if side(region) == "R"]
    move = f"({'|'.join(moves)})"
    shown = [unit for unit in UNITS.values() if unit.number in units and observable(unit.number)]
    unit = f"[RL]?{_any(f'{unit.number} {unit.name}' for unit in shown)}"
    code = f"[RL]?{_any(str(unit.number) for unit in shown)}"
    because = f'CLAUSE ("; " CLAUSE){{0,{_UNITS - 1}}} | ' if shown else ""
    codes = "(CODES |" if shown else "("
    classes = " | ".join(f'" speaks for {emotion}.\\nCategory: {emotion}; "' for emotion in emotions)
    rules = [
        f'start: "Evidence: " (sight0 | "{triple.NOTHING}") ".\\nRationale: " because "; " {codes} "this") class aus',
        f'because: {because}"no unit explains the motion" | "nothing moves"',
        f"class: {classes}",
        f'aus: {codes} "{triple.NO_UNIT}")',
    ]
    if shown:
        rules.append(f"CLAUSE: /{move}( and {move}){{0,{_MOVES}}}: {unit}|also {unit}/")
        rules.append(f"CODES: /{code}(\\+{code}){{0,{_UNITS - 1}}}/")
    last = len(REGIONS) - 1
    for number, region in enumerate(REGIONS):
        more = f' ("; " sight{number + 1})? | sight{number + 1}' if number < last else ""
        rules.append(f"sight{number}: SIGHT{number}{more}")
        rules.append(f"SIGHT{number}: /{region}{ways[region]}, {_any(words.LEVELS[1:])}, {_any(words.TIMINGS)}/")
    return "\n".join(rules)


class Obey(LogitsProcessor):  # type: ignore[misc]
    """Leaves a batch of greedy decodings only what the grammar allows next; one instance a call of ``generate``."""

    def __init__(self, tokenizer: Any, emotions: Sequence[str], units: Sequence[Collection[int]]) -> None:
        """``units`` are those that each answer of the batch may name."""
        known = _known(tokenizer)
        self.matchers = [llguidance.LLMatcher(known, _compiled(tuple(emotions), frozenset(each))) for each in units]
        self.mask = llguidance.numpy.allocate_token_bitmask(len(units), known.vocab_size)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Scores (B, vocabulary) with what is not allowed at minus infinity."""
        for number, matcher in enumerate(self.matchers):
            if input_ids.shape[1] and not matcher.is_stopped():
                matcher.consume_token(int(input_ids[number, -1]))
            llguidance.numpy.fill_next_token_bitmask(matcher, self.mask, number)
        bits = np.unpackbits(self.mask.view(np.uint8), axis=1, bitorder="little")[:, : scores.shape[1]]
        allowed = torch.from_numpy(bits.astype(bool)).to(scores.device)
        return scores.masked_fill(~allowed, -torch.inf)  # type: ignore[return-value]


@lru_cache(maxsize=4)
def _known(tokenizer: Any) -> Any:
    return llguidance.hf.from_tokenizer(tokenizer)


@lru_cache(maxsize=256)
def _compiled(emotions: tuple[str, ...], units: frozenset[int]) -> str:
    return str(llguidance.LLMatcher.grammar_from_lark(lark(emotions, units)))


def _any(options: Iterable[str]) -> str:
    return f"({'|'.join(options)})"
