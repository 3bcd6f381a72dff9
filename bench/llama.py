"""Tuning a model of Llama-3.1-8B's exact shape on a GPU: a few steps by our loop, and by the Trainer with PEFT.

The model's weights and its token ids are random, which does not change the duration of a step. Answers are as long as
those of the default run would be in Llama's tokens.
"""

import gc
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench import tuning
from deft.core import features, params, paths, tables
from deft.models.deft.training import examples
from pipeline import stage

SHAPE: dict[str, Any] = {  # https://huggingface.co/meta-llama/Llama-3.1-8B, config.json
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}
CHARACTERS_PER_TOKEN = 4.0  # of Llama's tokenizer on English text
RANK, CLIPS, SUBJECTS = 16, 247, 26  # CASME II
STEPS = 6  # per epoch
PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # bfloat16 operations per second, dense, by the data sheets


class RandomTokens:
    """A tokenizer that returns random ids, about as many as Llama's tokenizer would."""

    eos_token_id = pad_token_id = 0
    bos_token_id = 1

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary

    def encode(self, text: str, **_: Any) -> list[int]:
        """Return random ids for a text, the same each time."""
        rng = np.random.default_rng(len(text))
        return [int(token) for token in rng.integers(2, self.vocabulary, math.ceil(len(text) / CHARACTERS_PER_TOKEN))]

    def __call__(self, texts: Sequence[str], **_: Any) -> dict[str, list[list[int]]]:
        """Return random ids for several texts."""
        return {"input_ids": [self.encode(text) for text in texts]}


def load(shape: dict[str, Any]) -> tuple[Any, Any]:
    """Return a random model of this shape and its tokenizer, in bfloat16 on a GPU, else in float32."""
    cuda = torch.cuda.is_available()
    device, dtype = ("cuda", torch.bfloat16) if cuda else ("cpu", torch.float32)
    with torch.device(device):
        torch.set_default_dtype(dtype)
        try:
            return LlamaForCausalLM(LlamaConfig(**shape)), RandomTokens(shape["vocab_size"])
        finally:
            torch.set_default_dtype(torch.float32)


def figures(shape: dict[str, Any] = SHAPE) -> dict[str, Any]:
    """Return speed and memory of our loop and of the Trainer, our share of the card's peak, and the hours per LOSO.

    The LOSO is that of CASME II, by our loop; speeds are tokens per second. ``shape`` holds Llama's configuration.
    """
    default = params.load()
    lora = default.lora.model_copy(update={"rank": RANK, "alpha": 2 * RANK})
    parameters = default.model_copy(update={"lora": lora})
    rows = [row for row in tables.rows(paths.TRIPLES) if not row["dropped"]]
    rows = (rows * STEPS)[: STEPS * parameters.finetune.batch]
    clips = [examples.from_triple(row) for row in rows]
    vectors = features.read(stage.features(parameters, parameters.experts), [row["clip"] for row in rows])
    tokens = tuning.tokens_per_epoch(RandomTokens(shape["vocab_size"]), clips, vectors)
    results: dict[str, Any] = {"card": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"}
    for name, epochs_of in (("ours", tuning.our_epochs), ("trainer", tuning.trainer_epochs)):
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        seconds = float(np.median(epochs_of(partial(load, shape), parameters, clips, vectors)))
        results[name] = {"tokens_per_s": round(tokens / seconds), "s_per_step": round(seconds / STEPS, 3)}
        if torch.cuda.is_available():
            results[name]["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
    speed = results["ours"]["tokens_per_s"]
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**shape))
    weights = sum(weight.numel() for weight in model.parameters())
    peak = next((peak for card, peak in PEAK.items() if card in results["card"]), None)
    if peak:  # two products per frozen weight, forward and backward, of two operations each
        results["of_peak"] = round(4 * weights * speed / peak, 3)
    training_clips = CLIPS * (SUBJECTS - 1) / SUBJECTS  # per fold
    steps_per_epoch = math.ceil(training_clips / parameters.finetune.batch)
    epochs = min(parameters.finetune.epochs, max(1, parameters.finetune.max_steps // steps_per_epoch))
    results["casme2_loso_hours"] = round(SUBJECTS * epochs * training_clips * tokens / len(clips) / speed / 3600, 2)
    return results
