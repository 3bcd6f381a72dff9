"""Causal language models: the small Llama of our own, and any other by path or name."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from deft.core import checkpoints
from deft.core.errors import DataError


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


def load(base: str, four_bit: bool = False) -> tuple[Any, Any]:
    """A causal language model and its tokenizer, from a local folder or a Hugging Face name.

    On the GPU in bfloat16 if there is one, with ``four_bit`` in 4-bit NormalFloat (QLoRA: Dettmers et al. 2023); else
    in float32. Safetensors only and no remote code: nothing that is loaded can run.

    Raises:
        DataError: there is no such model here, files of it are missing or not safetensors, its tokenizer has no end
            token, or ``four_bit`` is asked for without CUDA and bitsandbytes.

    """
    logging.disable_progress_bar()  # a bar a fold hides the stage's own
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, **_placed(four_bit))
    except checkpoints.UNLOADABLE as error:
        expected = "a causal language model in safetensors"
        remedy = "give the folder of a model (config.json, tokenizer.json, *.safetensors), or set HF_HUB_OFFLINE=0"
        raise checkpoints.unusable(f"llm.base: {base}", error, expected, remedy) from None
    if tokenizer.eos_token_id is None:
        remedy = "set eos_token in tokenizer_config.json"
        raise DataError(f"llm.base: {base}", "no end token in its tokenizer", "one, so that an answer can end", remedy)
    if tokenizer.pad_token_id is None:  # padding is always masked: any token will do
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def ask(tokenizer: Any, task: str) -> torch.Tensor:
    """Token ids (n,) of the prompt, begin included (the end token where a tokenizer has no other)."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return torch.tensor([begin, *tokenizer.encode(f"{task}\n", add_special_tokens=False)])


def tell(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of answers, their ends included."""
    return [[*ids, tokenizer.eos_token_id] for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def _placed(four_bit: bool) -> dict[str, Any]:
    if not torch.cuda.is_available():
        if four_bit:
            raise DataError("llm.four_bit", "no CUDA", "a GPU that holds the 4-bit model", "set it to false")
        return {"dtype": torch.float32}
    placed: dict[str, Any] = {"dtype": torch.bfloat16, "device_map": {"": 0}}
    if four_bit:
        if find_spec("bitsandbytes") is None:
            raise DataError("llm.four_bit", "no bitsandbytes", "it installed", "pip install 'deft[cuda]'")
        placed["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return placed
