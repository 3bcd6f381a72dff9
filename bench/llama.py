"""Tuning a model of Llama-3.1-8B's exact shape on a GPU, ours beside the Trainer with PEFT: a few steps of each.

Its weights are random, its token ids too: neither changes how long a step takes. Answers are as long as the default
run's would be in Llama's tokens.
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
from deft.core import features, params, tables
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
CHARACTERS = 4.0  # a token of Llama's on English text
RANK, CLIPS, SUBJECTS = 16, 247, 26  # CASME II
STEPS = 6  # an epoch
PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # bfloat16 operations a second, dense, by the data sheets


class RandomTokens:
    """Ids as many as Llama's tokenizer would give, whatever they are."""

    eos_token_id = pad_token_id = 0
    bos_token_id = 1

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary

    def encode(self, text: str, **_: Any) -> list[int]:
        """Random ids of a text, the same each time."""
        rng = np.random.default_rng(len(text))
        return [int(token) for token in rng.integers(2, self.vocabulary, math.ceil(len(text) / CHARACTERS))]

    def __call__(self, texts: Sequence[str], **_: Any) -> dict[str, list[list[int]]]:
        """Ids of several texts."""
        return {"input_ids": [self.encode(text) for text in texts]}


def load(shape: dict[str, Any]) -> tuple[Any, Any]:
    """A random model of this shape in bfloat16 where there is a GPU."""
    cuda = torch.cuda.is_available()
    with torch.device("cuda" if cuda else "cpu"):
        torch.set_default_dtype(torch.bfloat16 if cuda else torch.float32)
        try:
            return LlamaForCausalLM(LlamaConfig(**shape)), RandomTokens(shape["vocab_size"])
        finally:
            torch.set_default_dtype(torch.float32)


def figures(shape: dict[str, Any] = SHAPE) -> dict[str, Any]:
    """Tokens a second, share of the peak, gigabytes and hours of a CASME II LOSO, and the Trainer's speed."""
    dials = params.load()
    lora = dials.lora.model_copy(update={"rank": RANK, "alpha": 2 * RANK})
    dials = dials.model_copy(update={"lora": lora})
    rows = [row for row in tables.rows(stage.DATA / "triples.parquet") if not row["dropped"]]
    rows = (rows * STEPS)[: STEPS * dials.finetune.batch]
    clips, vectors = (
        [examples.from_triple(row) for row in rows],
        features.read(stage.features(dials, dials.experts), [row["clip"] for row in rows]),
    )
    tokens = tuning.read(RandomTokens(shape["vocab_size"]), clips, vectors)
    found: dict[str, Any] = {"card": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"}
    for name, work in (("ours", tuning.ours), ("trainer", tuning.trainers)):
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        seconds = float(np.median(work(partial(load, shape), dials, clips, vectors)))
        found[name] = {"tokens_per_s": round(tokens / seconds), "s_per_step": round(seconds / STEPS, 3)}
        if torch.cuda.is_available():
            found[name]["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
    speed = found["ours"]["tokens_per_s"]
    with torch.device("meta"):
        weights = sum(p.numel() for p in LlamaForCausalLM(LlamaConfig(**shape)).parameters())
    peak = next((peak for card, peak in PEAK.items() if card in found["card"]), None)
    if peak:  # forwards and backwards through frozen weights: two products each, two operations a weight and product
        found["of_peak"] = round(4 * weights * speed / peak, 3)
    learned = CLIPS * (SUBJECTS - 1) / SUBJECTS
    passes = min(dials.finetune.epochs, max(1, dials.finetune.max_steps // math.ceil(learned / dials.finetune.batch)))
    found["casme2_loso_hours"] = round(SUBJECTS * passes * learned * tokens / len(clips) / speed / 3600, 2)
    return found
