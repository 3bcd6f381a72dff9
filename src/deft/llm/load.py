"""Causal language models: the small Llama of our own, and any other by path or name."""

from collections.abc import Sequence
from importlib.util import find_spec

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from deft.core import checkpoints
from deft.core.errors import DataError


def create(tokenizer: PreTrainedTokenizerBase, width: int, layers: int, heads: int) -> LlamaForCausalLM:
    """Create a randomly initialised Llama for a tokenizer: its width, its blocks, and the attention heads per block."""
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


def load(base: str, four_bit: bool = False) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer from a local folder or by a Hugging Face name.

    On a GPU the model is in bfloat16, with ``four_bit`` in 4-bit NormalFloat (QLoRA: Dettmers et al. 2023); without one
    in float32. Only safetensors and no remote code are loaded, so nothing in a checkpoint can run.

    Raises:
        DataError: the model is not on this machine, its files are missing or not safetensors, its tokenizer has no end
            token, or ``four_bit`` is set without CUDA and bitsandbytes.

    """
    logging.disable_progress_bar()  # one per fold would hide the stage's
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, **_placed(four_bit))
    except checkpoints.UNLOADABLE as error:
        expected = "a causal language model in safetensors"
        remedy = "give the folder of a model (config.json, tokenizer.json, *.safetensors), or set HF_HUB_OFFLINE=0"
        raise checkpoints.unusable(f"llm.base: {base}", error, expected, remedy) from None
    if tokenizer.eos_token_id is None:
        remedy = "set eos_token in tokenizer_config.json"
        raise DataError(
            f"llm.base: {base}",
            "a tokenizer without an end token",
            "one with an end token, so that an answer can end",
            remedy,
        )
    if tokenizer.pad_token_id is None:  # padding is always masked: any token will do
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def tokenize_prompt(tokenizer: PreTrainedTokenizerBase, task: str) -> torch.Tensor:
    """Tokenize a prompt: token ids (n,), the begin token included (the end token where a tokenizer has no other)."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return torch.tensor([begin, *tokenizer.encode(f"{task}\n", add_special_tokens=False)])


def tokenize_answers(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Tokenize answers: a list of token ids per answer, the end token included."""
    return [[*ids, tokenizer.eos_token_id] for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def _placed(four_bit: bool) -> dict[str, object]:
    if not torch.cuda.is_available():
        if four_bit:
            raise DataError(
                "llm.four_bit", "no CUDA", "a GPU, which 4-bit models need", "set it to false and tune again"
            )
        return {"dtype": torch.float32}
    placed: dict[str, object] = {"dtype": torch.bfloat16, "device_map": {"": 0}}
    if four_bit:
        if find_spec("bitsandbytes") is None:
            raise DataError("llm.four_bit", "no bitsandbytes", "the package bitsandbytes", "pip install 'deft[cuda]'")
        placed["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return placed
