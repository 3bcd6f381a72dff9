"""A byte-pair tokenizer whose vocabulary holds the set phrases of answers.

A region, all that evidence says of it, and a unit's name are one token each, so an answer has about 40 tokens. A small
model looks up a region's motion from the region's token; with separate tokens for level and direction it would have to
look back twice, which two layers do not learn. Any other text is encoded as pairs of bytes.
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
    """Return the set phrases of `deft.language.triple`, each with the space before it."""
    sided = [region for region in REGIONS if side(region)]
    return [
        *REGIONS,
        *(f"both {place(region)}s" for region in sided),
        *(f" {motion}" for motion in (*words.DIRECTIONS, "still")),
        *(f" {', '.join(motion)}" for motion in product(words.DIRECTIONS, words.LEVELS[1:], words.TIMINGS)),
        *(f" {unit.name}" for unit in UNITS.values()),
        *("Evidence: ", ".\nRationale: ", ".\nCategory: ", " speaks for ", " and ", "; ", ": ", "+", ".", "\n"),
    ]


def train(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer of at most ``vocabulary`` tokens, learned from ``texts``; it encodes any byte."""
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
