"""LoRA adapters on a language model that folds share."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import PreTrainedModel

from deft.core import params


@contextmanager
def adapted(base: PreTrainedModel, lora: params.Lora, *, gradient_checkpointing: bool = False) -> Iterator[PeftModel]:
    """Lend a base model with fresh LoRA adapters (Hu et al. 2022), all else frozen; take them off at the end.

    With ``gradient_checkpointing`` activations are recomputed in the backward pass instead of kept (Chen et al. 2016).
    """
    with quiet_peft():
        if gradient_checkpointing:
            base.activation_checkpointing_enable({"use_reentrant": False})
        language = get_peft_model(base, _config(lora))
    try:
        yield language
    finally:
        language.unload()
        if gradient_checkpointing:
            base.activation_checkpointing_disable()


def name(number: int) -> str:
    """Return the name of the adapters of a model's seed, counted from 0."""
    return f"seed-{number}" if number else "default"


def add(language: PeftModel, lora: params.Lora, name: str) -> None:
    """Put fresh adapters of another name on a model that `adapted` lends, beside those that it has."""
    with quiet_peft():
        language.add_adapter(name, _config(lora))


def _config(lora: params.Lora) -> LoraConfig:
    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
    )


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Hide a warning that no user can act on: PEFT 0.21 uses a name that transformers 5 deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        yield
