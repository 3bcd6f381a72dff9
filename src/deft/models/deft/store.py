"""A tuned model on disk: PEFT's two files, and beside them what only DEFT has.

- ``adapter_config.json``, ``adapter_model.safetensors``: the adapters, as PEFT writes them;
- ``base/``: the language model, where it is a part of the project; else the adapters name it;
- ``deft.safetensors``, ``deft.json``: projectors, heads and thresholds, and the model's configuration;
- ``seed-N/``: adapters, projectors and heads of each further seed;
- ``measurement.json``: the parameters by which its clips were measured;
- ``prior/``: the motion prior by which they were measured, where one was needed.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from deft.core import paths, tables
from deft.core.errors import DataError
from deft.core.params import Measurement
from deft.models.deft.adapters import name, quiet_peft
from deft.models.deft.model import FIELD, Config, Deft
from deft.models.reduction import Reduction
from deft.models.unit_reader import UnitReader

LoadBase = Callable[[str, bool], tuple[PreTrainedModel, PreTrainedTokenizerBase]]

PRIOR = "prior"
_BASE = "base"
_ADAPTERS, _OWN = "adapter_model.safetensors", "deft.safetensors"
_FILES = ("adapter_config.json", _ADAPTERS, _OWN)  # of each seed


def save(model: Deft, folder: Path, base: str, measurement: Measurement) -> None:
    """Write a model to a folder; the same model gives the same bytes.

    A ``base`` by a path relative to the project's root is copied, so that the folder works wherever it is copied to; an
    absolute path or a Hugging Face name is kept. ``measurement`` says how clips have to be measured for this model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not Path(base).is_absolute() and Path(base).is_dir():
        shutil.copytree(base, folder / _BASE, dirs_exist_ok=True)
        base = _BASE
    for member in (model, *model.others):
        _save_weights(member, folder if member is model else folder / member.adapter, base)
    _write_json(folder / "deft.json", model.config._asdict())
    _write_json(folder / "measurement.json", measurement.model_dump())
    if measurement.needs_prior(model.config.experts):
        shutil.copytree(paths.PRIOR, folder / PRIOR, dirs_exist_ok=True)


def _save_weights(model: Deft, folder: Path, base: str) -> None:
    """Write the adapters, as PEFT does, and all that is DEFT's own."""
    folder.mkdir(exist_ok=True)
    config = model.llm.peft_config[model.adapter].to_dict() | {"base_model_name_or_path": base, "inference_mode": True}
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
    _write_json(folder / "adapter_config.json", plain)
    weights = get_peft_model_state_dict(model.llm, adapter_name=model.adapter)
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / _ADAPTERS, {"format": "pt"})
    save_file({name: tensor.contiguous() for name, tensor in model.own_state().items()}, folder / _OWN)


@contextmanager
def loaded(
    folder: Path, load_base: Callable[[str, bool], tuple[PreTrainedModel, PreTrainedTokenizerBase]]
) -> Iterator[Deft]:
    """Lend the model of a folder, ready to answer; its base carries the adapters within the ``with`` block alone.

    ``load_base`` takes the base's path or name, and whether it is held in 4 bits (`deft.llm.load.load`).

    Raises:
        DataError: the folder or one of its files is missing, or the files do not belong together, or are not those of
            this version.

    """
    _check(folder / file for file in (*_FILES, "deft.json"))
    fields = tables.read_json(folder / "deft.json")
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    try:
        config = Config(**plain)
    except TypeError as error:
        fault = str(error).replace("Config.__new__() ", "")
        raise DataError(
            folder / "deft.json", f"another configuration ({fault})", "that of a tuned model", "tune it again"
        ) from None
    base = tables.read_json(folder / "adapter_config.json")["base_model_name_or_path"]
    language, tokenizer = load_base(str(folder / base) if (folder / base).is_dir() else base, config.four_bit)
    others = [name(number) for number in range(1, config.seeds)]
    _check(folder / adapter / file for adapter in others for file in _FILES)
    with quiet_peft():
        adapted = PeftModel.from_pretrained(language, str(folder))
        for adapter in others:
            adapted.load_adapter(str(folder / adapter), adapter_name=adapter)
    try:
        model = _with_weights(adapted, tokenizer, config, folder, name(0))
        model.others = [_with_weights(adapted, tokenizer, config, folder / adapter, adapter) for adapter in others]
        yield model
    finally:
        adapted.unload()


def _check(files: Iterable[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise DataError(file, "no such file", "a tuned model", "run `dvc repro`, or name another --model")


def _with_weights(
    language: PeftModel, tokenizer: PreTrainedTokenizerBase, config: Config, folder: Path, adapter: str
) -> Deft:
    """Return a model with the weights of a folder, ready to answer; ``language`` has its adapters."""
    state = load_file(folder / _OWN)
    reductions = {expert: _reduction(state, expert) for expert in config.experts}
    model = Deft(language, tokenizer, config, reductions, adapter)
    if FIELD in config.experts:
        model.start_from(UnitReader({name: state[f"unit_reader.{name}"] for name in UnitReader.NAMES}))
    missing, unexpected = model.load_state_dict(state, strict=False)
    wrong = sorted({name for name in missing if not name.startswith("llm.")} | set(unexpected))
    if wrong:
        found = f"{', '.join(wrong)} missing or unknown"
        raise DataError(folder / _OWN, found, "the tensors of deft.json's model", "tune it again")
    return model.eval()


def measurement(folder: Path) -> Measurement:
    """Return the parameters by which the clips of a folder's model were measured.

    Raises:
        DataError: there is no tuned model, or its parameters are not those of this version.

    """
    path = folder / "measurement.json"
    if not path.is_file():
        raise DataError(path, "no such file", "a tuned model", "run `dvc repro`, or name another --model")
    return Measurement.read(path)


def _reduction(state: Mapping[str, Tensor], expert: str) -> Reduction:
    mean, matrix = (state[f"projectors.{expert}.{name}"].numpy() for name in ("mean", "matrix"))
    return Reduction(mean, matrix)


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")
