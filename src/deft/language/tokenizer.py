"""A byte-pair tokenizer whose words are the answers' own set phrases.

A region, all that is seen there, a unit's name is one token each, so an answer is some 40 tokens long. A small model
looks up what a region shows from the region's own token; for a level that stood apart from its direction it would have
to look back twice, which two layers do not learn. Any other text falls back to pairs of bytes.
"""

from collections.abc import Sequence
from itertools import product

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from deft.facs import words
from deft.facs.regions import REGIONS, place, side
from deft.facs.units import UNITS
from deft.language.triple import any_of

BEGIN, END, PAD = "<begin>", "<end>", "<pad>"


def phrases() -> list[str]:
    """The set phrases of `deft.language.triple`, each with the space or comma before it."""
    sided = [region for region in REGIONS if side(region)]
    return [
        *REGIONS,
        *(f"both {place(region)}s" for region in sided),
        *(f" {way}" for way in (*words.DIRECTIONS, "still")),
        *(f" {', '.join(seen)}" for seen in product(words.DIRECTIONS, words.LEVELS[1:], words.TIMINGS)),
        *(f" {unit.name}" for unit in UNITS.values()),
        *("Evidence: ", ".\nRationale: ", ".\nCategory: ", " speaks for ", " and ", "; ", ": ", "+", ".", "\n"),
    ]


def train(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A tokenizer of at most ``vocabulary`` tokens, learned from ``texts``; any byte can be encoded."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(any_of(phrases())), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BEGIN, eos_token=END, clean_up_tokenization_spaces=False
    )
