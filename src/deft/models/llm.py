"""Causal language models: the small Llama of our own, and any other by path or name."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from deft.errors import DataError


def create(tokenizer: Any, width: int, layers: int, heads: int) -> LlamaForCausalLM:
    """A randomly initialised Llama for a tokenizer: ``width`` of the residual stream, blocks, heads a block."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=8 * width // 3,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def load(base: str) -> tuple[Any, Any]:
    """A causal language model in float32 and its tokenizer, from a local folder or a Hugging Face name.

    Safetensors only and no remote code: nothing that is loaded can run.

    Raises:
        DataError: there is no such model here, or files of it are missing.

    """
    logging.disable_progress_bar()  # a bar a fold hides the stage's own
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, dtype=torch.float32)
    except (OSError, ValueError, SafetensorError) as error:
        found = "an incomplete model" if Path(base).is_dir() else "no such folder, and no such model in the hub's cache"
        remedy = "give the folder of a model (config.json, tokenizer.json, *.safetensors), or set HF_HUB_OFFLINE=0"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"llm.base: {base}", f"{found} ({reason})", "a causal language model", remedy) from None
    if tokenizer.pad_token_id is None:  # padding is always masked: any token will do
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def ask(tokenizer: Any, task: str) -> torch.Tensor:
    """Token ids (n,) of the prompt, begin included (the end token where a tokenizer has no other)."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return torch.tensor([begin, *tokenizer.encode(f"{task}\n", add_special_tokens=False)])
