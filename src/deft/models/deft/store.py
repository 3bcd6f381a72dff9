"""A tuned model on disk: PEFT's own two files, and beside them ``deft.safetensors`` and ``deft.json``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from deft.core import refusals, tables
from deft.core.errors import DataError
from deft.core.params import Measurement
from deft.llm import load as llm
from deft.models.deft.model import Deft, Shape, quietly
from deft.models.reduction import Reduction


def save(model: Deft, folder: Path, base: str, measurement: Measurement) -> None:
    """Write adapters, projectors, heads and shape to ``folder``; the same model gives the same bytes.

    ``measurement`` says how its training clips were measured: a new clip must be measured alike.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = model.llm.peft_config["default"].to_dict() | {"base_model_name_or_path": base, "inference_mode": True}
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
    (folder / "adapter_config.json").write_text(_json(plain), encoding="utf-8")
    adapter = {name: tensor.contiguous() for name, tensor in get_peft_model_state_dict(model.llm).items()}
    save_file(adapter, folder / "adapter_model.safetensors", {"format": "pt"})
    save_file({name: tensor.contiguous() for name, tensor in model.own().items()}, folder / "deft.safetensors")
    (folder / "deft.json").write_text(_json(model.shape._asdict()), encoding="utf-8")
    (folder / "measurement.json").write_text(_json(measurement.model_dump()), encoding="utf-8")


def load(folder: Path, base: Callable[[str], tuple[Any, Any]] = llm.load) -> tuple[Deft, Any]:
    """A tuned model ready to answer, and its tokenizer.

    ``base`` loads the language model; one that is shared is to be given back by ``model.llm.unload()``.

    Raises:
        DataError: the folder or one of its files is missing, or its base model is.

    """
    for name in ("adapter_config.json", "adapter_model.safetensors", "deft.safetensors", "deft.json"):
        if not (folder / name).is_file():
            raise DataError(folder / name, "no such file", "a tuned model", "run `dvc repro`")
    name = tables.read_json(folder / "adapter_config.json")["base_model_name_or_path"]
    language, tokenizer = base(name)
    fields = tables.read_json(folder / "deft.json")
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    shape = Shape(**plain)
    own = load_file(folder / "deft.safetensors")
    reductions = {
        expert: Reduction(own[f"{expert}_mean"].numpy(), own[f"{expert}_matrix"].numpy()) for expert in shape.experts
    }
    with quietly():
        model = Deft(PeftModel.from_pretrained(language, str(folder)), shape, reductions)
    model.load_state_dict(own, strict=False)
    return model.eval(), tokenizer


def measurement(folder: Path) -> Measurement:
    """Read how a tuned model's training clips were measured.

    Raises:
        DataError: there is no tuned model, or it was tuned by another version of this program.

    """
    path = folder / "measurement.json"
    if not path.is_file():
        raise DataError(path, "no such file", "a tuned model", "run `dvc repro`, or name its folder with --model")
    try:
        return Measurement.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        fault = refusals.explain(error.errors()[0], Measurement)
        raise DataError(path, f"other parameters ({fault})", "those of a tuned model", "tune it again") from None


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True, default=str) + "\n"
