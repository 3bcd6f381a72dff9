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
    sights = triple.parse_evidence(told)
    clauses: dict[str, list[str]] = {}  # of each unit: one for both sides, and one for each
    for code, own in argument.arguable(sights, units).items():
        named = triple.unit_name(code)
        moved = _some([_any(_written(pair)) for pair in _pairs(own)], " and ")
        clauses.setdefault(named.lstrip("RL"), []).append(f"({moved}: |also ){re.escape(named)}")
    argued = [_some([_any(each) for each in clauses.values()], "; ")] if clauses else []
    none = triple.UNEXPLAINED if sights else triple.STILL
    return f'start: " "? {json.dumps(told.strip())} ARGUMENT\nARGUMENT: / {_any([*argued, none])}/'


class Obey:
    """What each answer of a batch may say next, while they are decoded token by token."""

    def __init__(self, tokenizer: Any, units: Sequence[Collection[int]], most: int) -> None:
        """``units`` are those that each answer may name, ``most`` the regions that it may."""
        self.tokenizer, self.units = tokenizer, units
        self.said: list[list[int]] = [[] for _ in units]
        self.arguing = [False for _ in units]
        first = _matcher(tokenizer, evidence(most))
        self.matchers = [first.deep_copy() for _ in units]
        self.executor = llguidance.LLExecutor()

    def allowed(self, answers: Sequence[int], scores: torch.Tensor) -> torch.Tensor:
        """Scores (answers, vocabulary) of these answers' next tokens, with what is not allowed at minus infinity."""
        mask = llguidance.numpy.allocate_token_bitmask(len(answers), _known(self.tokenizer).vocab_size)
        rows = [(self.matchers[answer], row) for row, answer in enumerate(answers)]
        llguidance.numpy.fill_next_token_bitmask_par(self.executor, rows, mask)
        bits = np.unpackbits(mask.view(np.uint8), axis=1, bitorder="little")[:, : scores.shape[1]]
        return scores.masked_fill(~torch.from_numpy(bits.astype(bool)).to(scores.device), -torch.inf)

    def say(self, answers: Sequence[int], tokens: Sequence[int]) -> None:
        """Take in what these answers say next; who has told all evidence goes on to argue from it."""
        self.executor.consume_token_par([(self.matchers[at], token) for at, token in zip(answers, tokens, strict=True)])
        for answer, token in zip(answers, tokens, strict=True):
            self.said[answer].append(token)
            if not self.arguing[answer] and self.matchers[answer].is_accepting():
                told = self.tokenizer.decode(self.said[answer], skip_special_tokens=True).strip()
                matcher = _matcher(self.tokenizer, rationale(told, self.units[answer])).deep_copy()
                matcher.consume_tokens(self.said[answer])
                self.matchers[answer], self.arguing[answer] = matcher, True


@lru_cache(maxsize=4)
def _known(tokenizer: Any) -> Any:
    return llguidance.hf.from_tokenizer(tokenizer)


@lru_cache(maxsize=256)
def _matcher(tokenizer: Any, lark: str) -> llguidance.LLMatcher:
    """At the beginning of a text; a copy costs nothing beside making one."""
    return llguidance.LLMatcher(_known(tokenizer), llguidance.LLMatcher.grammar_from_lark(lark))


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
