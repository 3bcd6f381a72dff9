"""The grammar that decoding obeys (llguidance): every answer is a triple in the words of the FACS tables.

An answer is decoded in two halves. The first is the evidence, free within the vocabulary. What the second, the
argument, may name follows from the first: the regions and directions stated there, and the units that they speak for.
So no rationale names anything that its own evidence does not hold.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

import llguidance
import llguidance.hf
import llguidance.numpy
import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from deft.facs import words
from deft.facs.regions import REGIONS
from deft.language import argument, triple


def evidence(most: int) -> str:
    """Return the first half, up to ``Rationale:``, as a Lark grammar: at most ``most`` regions, from brow to chin.

    Directions of which one begins another (``down``, ``down and in``) stand inside one terminal, where they cannot be
    split wrongly. The leading space is for tokenizers that begin every text with one.
    """
    rules = [f'start: " "? "Evidence: " (from0of{most} | "{triple.NOTHING}") ".\\nRationale:" " "?']
    for number, region in enumerate(REGIONS):
        directions = _any(f" {direction}" for direction in (*words.directions(region), *words.OPENING))
        rules.append(f"SIGHT{number}: /{region}{directions}, {_any(words.LEVELS[1:])}, {_any(words.TIMINGS)}/")
        later = number + 1
        for left in range(1, most + 1):
            more = f' ("; " from{later}of{left - 1})?' if left > 1 and later < len(REGIONS) else ""
            skip = f" | from{later}of{left}" if later < len(REGIONS) else ""
            rules.append(f"from{number}of{left}: SIGHT{number}{more}{skip}")
    return "\n".join(rules)


def rationale(evidence_text: str, units: Collection[int]) -> str:
    """Return both halves as a Lark grammar: the first as it was decoded, and an argument from it over ``units``.

    Units come in ascending order, each once, and argue from the regions stated, from brow to chin.
    """
    sights = triple.parse_evidence(evidence_text)
    clauses: dict[str, list[str]] = {}  # per unit: one for both sides, and one for each side
    for code, support in argument.arguable(sights, units).items():
        named = triple.unit_name(code)
        moved = _some([_any(_wordings(pair)) for pair in _pairs(support)], " and ")
        clauses.setdefault(named.lstrip("RL"), []).append(f"({moved}: |also ){re.escape(named)}")
    arguments = [_some([_any(sides) for sides in clauses.values()], "; ")] if clauses else []
    none = triple.UNEXPLAINED if sights else triple.STILL
    return f'start: " "? {json.dumps(evidence_text.strip())} ARGUMENT\nARGUMENT: / {_any([*arguments, none])}/'


class Constraint:
    """Which tokens each answer of a batch may hold next, while the answers are decoded token by token.

    ``tokens`` are the token ids of each answer so far.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, units: Sequence[Collection[int]], most: int) -> None:
        """Begin a batch: ``units`` are those that each answer may name, ``most`` the regions that it may."""
        self.tokenizer, self.units = tokenizer, units
        self.tokens: list[list[int]] = [[] for _ in units]
        self.arguing = [False for _ in units]
        first = _matcher(tokenizer, evidence(most))
        self.matchers = [first.deep_copy() for _ in units]
        self.executor = llguidance.LLExecutor()

    def mask(self, answers: Sequence[int], scores: torch.Tensor) -> torch.Tensor:
        """Return the scores (answers, vocabulary) of next tokens, those that are not allowed at minus infinity."""
        mask = llguidance.numpy.allocate_token_bitmask(len(answers), _vocabulary(self.tokenizer).vocab_size)
        rows = [(self.matchers[answer], row) for row, answer in enumerate(answers)]
        llguidance.numpy.fill_next_token_bitmask_par(self.executor, rows, mask)
        bits = np.unpackbits(mask.view(np.uint8), axis=1, bitorder="little")[:, : scores.shape[1]]
        return scores.masked_fill(~torch.from_numpy(bits.astype(bool)).to(scores.device), -torch.inf)

    def append(self, answers: Sequence[int], tokens: Sequence[int]) -> None:
        """Append a token to each of these answers; an answer whose evidence is complete goes on to its argument."""
        self.executor.consume_token_par([(self.matchers[at], token) for at, token in zip(answers, tokens, strict=True)])
        for answer, token in zip(answers, tokens, strict=True):
            self.tokens[answer].append(token)
            if not self.arguing[answer] and self.matchers[answer].is_accepting():
                text = self.tokenizer.decode(self.tokens[answer], skip_special_tokens=True).strip()
                matcher = _matcher(self.tokenizer, rationale(text, self.units[answer])).deep_copy()
                matcher.consume_tokens(self.tokens[answer])
                self.matchers[answer], self.arguing[answer] = matcher, True


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: PreTrainedTokenizerBase) -> llguidance.LLTokenizer:
    return llguidance.hf.from_tokenizer(tokenizer)


@lru_cache(maxsize=256)
def _matcher(tokenizer: PreTrainedTokenizerBase, lark: str) -> llguidance.LLMatcher:
    """Return a matcher at the beginning of a text; copying one costs nothing beside making one."""
    return llguidance.LLMatcher(_vocabulary(tokenizer), llguidance.LLMatcher.grammar_from_lark(lark))


def _pairs(sights: Sequence[triple.Sight]) -> list[list[triple.Sight]]:
    """Pair sights of a place's two sides that move alike; others stay alone, all from brow to chin."""
    pairs: list[list[triple.Sight]] = []
    for sight in sorted(sights, key=lambda sight: REGIONS.index(sight.region)):
        if pairs and len(triple.moves([*pairs[-1], sight])) == 1:
            pairs[-1].append(sight)
        else:
            pairs.append([sight])
    return pairs


def _wordings(pair: Sequence[triple.Sight]) -> list[str]:
    """Return the wordings of a pair: both sights as one, and each by itself."""
    return list(dict.fromkeys([*triple.moves(pair), *(move for sight in pair for move in triple.moves([sight]))]))


def _some(options: Sequence[str], between: str) -> str:
    """Return a regular expression for one or more of these, in their order."""
    later = ["".join(f"({between}{option})?" for option in options[at:]) for at in range(1, len(options) + 1)]
    return _any(first + rest for first, rest in zip(options, later, strict=True))


def _any(options: Iterable[str]) -> str:
    return f"({'|'.join(options)})"
