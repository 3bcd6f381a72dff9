"""The grammar that generation obeys (llguidance): whatever is decoded is a triple in the words of the tables.

An answer is decoded in two halves. The first is the evidence, free within the vocabulary. What the second, the
argument, may name follows from the first as it was told: its regions and directions, and units that they speak for. So
no rationale holds what its own evidence does not.
"""

import json
import re
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
from deft.facs.regions import REGIONS
from deft.language import argument, triple


def evidence(most: int) -> str:
    """The first half, up to ``Rationale:``, as a Lark grammar: at most ``most`` regions, each once, brow to chin.

    What could be cut in two ways (``down`` and ``down and in``) stands inside one terminal. Some tokenizers begin every
    text with a space.
    """
    rules = [f'start: " "? "Evidence: " (from0of{most} | "{triple.NOTHING}") ".\\nRationale:" " "?']
    for number, region in enumerate(REGIONS):
        ways = _any(f" {way}" for way in (*words.ways(region), *words.OPENING))
        rules.append(f"SIGHT{number}: /{region}{ways}, {_any(words.LEVELS[1:])}, {_any(words.TIMINGS)}/")
        later = number + 1
        for left in range(1, most + 1):
            more = f' ("; " from{later}of{left - 1})?' if left > 1 and later < len(REGIONS) else ""
            skip = f" | from{later}of{left}" if later < len(REGIONS) else ""
            rules.append(f"from{number}of{left}: SIGHT{number}{more}{skip}")
    return "\n".join(rules)


def rationale(told: str, units: Collection[int]) -> str:
    """Both halves for an answer whose first half is ``told``: that, and an argument over ``units`` from its evidence.

    Units come in ascending order, each once, and argue from regions as told, from brow to chin.
    """
    sights = triple.told(told)
    clauses: dict[str, list[str]] = {}  # of each unit: one for both sides, and one for each
    for code, own in argument.arguable(sights, units).items():
        named = triple.unit_name(code)
        moved = _some([_any(_written(pair)) for pair in _pairs(own)], " and ")
        clauses.setdefault(named.lstrip("RL"), []).append(f"({moved}: |also ){re.escape(named)}")
    argued = [_some([_any(each) for each in clauses.values()], "; ")] if clauses else []
    none = triple.UNEXPLAINED if sights else triple.STILL
    return f'start: " "? {json.dumps(told.strip())} ARGUMENT\nARGUMENT: / {_any([*argued, none])}/'


class Obey(LogitsProcessor):  # type: ignore[misc]
    """Leaves a batch of decodings only what the grammar allows next; one instance a call of ``generate``."""

    def __init__(self, tokenizer: Any, units: Sequence[Collection[int]], most: int) -> None:
        """``units`` are those that each answer of the batch may name, ``most`` the regions that it may."""
        self.tokenizer, self.units = tokenizer, units
        self.known = _known(tokenizer)
        first = _compiled(evidence(most))
        self.matchers = [llguidance.LLMatcher(self.known, first) for _ in units]
        self.arguing = [False for _ in units]
        self.mask = llguidance.numpy.allocate_token_bitmask(len(units), self.known.vocab_size)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Scores (B, vocabulary) with what is not allowed at minus infinity."""
        for number, matcher in enumerate(self.matchers):
            if input_ids.shape[1] and not matcher.is_stopped():
                matcher.consume_token(int(input_ids[number, -1]))
                if not self.arguing[number] and matcher.is_accepting():
                    self._argue(number, input_ids[number].tolist())
            llguidance.numpy.fill_next_token_bitmask(self.matchers[number], self.mask, number)
        bits = np.unpackbits(self.mask.view(np.uint8), axis=1, bitorder="little")[:, : scores.shape[1]]
        allowed = torch.from_numpy(bits.astype(bool)).to(scores.device)
        return scores.masked_fill(~allowed, -torch.inf)  # type: ignore[return-value]

    def _argue(self, number: int, tokens: list[int]) -> None:
        """From its evidence as told, an answer's second half."""
        told = self.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        matcher = llguidance.LLMatcher(self.known, _compiled(rationale(told, self.units[number])))
        matcher.consume_tokens(tokens)
        self.matchers[number], self.arguing[number] = matcher, True


@lru_cache(maxsize=4)
def _known(tokenizer: Any) -> Any:
    return llguidance.hf.from_tokenizer(tokenizer)


@lru_cache(maxsize=256)
def _compiled(lark: str) -> str:
    return str(llguidance.LLMatcher.grammar_from_lark(lark))


def _pairs(sights: Sequence[triple.Sight]) -> list[list[triple.Sight]]:
    """Sights of the two sides of a place that go the same way together, others alone, from brow to chin."""
    found: list[list[triple.Sight]] = []
    for sight in sorted(sights, key=lambda sight: REGIONS.index(sight.region)):
        if found and len(triple.moves([*found[-1], sight])) == 1:
            found[-1].append(sight)
        else:
            found.append([sight])
    return found


def _written(pair: Sequence[triple.Sight]) -> list[str]:
    """A pair of sights as one, and each of them by itself."""
    return list(dict.fromkeys([*triple.moves(pair), *(move for sight in pair for move in triple.moves([sight]))]))


def _some(options: Sequence[str], between: str) -> str:
    """A regular expression for one or more of these in their order."""
    later = ["".join(f"({between}{option})?" for option in options[at:]) for at in range(1, len(options) + 1)]
    return _any(first + rest for first, rest in zip(options, later, strict=True))


def _any(options: Iterable[str]) -> str:
    return f"({'|'.join(options)})"
