import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT
from transformers import PreTrainedTokenizerFast

from deft import facs
from deft.core import params
from deft.core.errors import DataError
from deft.facs.regions import REGIONS
from deft.language import triple
from deft.llm import load as llm
from deft.models.deft.model import Config
from deft.models.deft.training import fold, loop
from deft.models.deft.training.examples import Example

# PEFT asks transformers by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

STORIES = ROOT.parent / "shared" / "llm" / "stories260K-hf"
needs_stories = pytest.mark.skipif(not STORIES.is_dir(), reason=f"{STORIES} is not there")


@pytest.fixture
def created(words_of_pages: PreTrainedTokenizerFast) -> Any:
    """A small Llama."""
    torch.manual_seed(0)
    return llm.create(words_of_pages, 32, 1, 2)


@pytest.fixture
def folder(created: Any, tmp_path: Path, words_of_pages: PreTrainedTokenizerFast) -> Path:
    """The small Llama on disk."""
    created.save_pretrained(tmp_path / "model")
    words_of_pages.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def refused(base: str) -> str:
    with pytest.raises(DataError) as caught:
        llm.load(base)
    assert caught.value.where == f"llm.base: {base}"
    assert "\n" not in str(caught.value)
    pickled = caught.value.found.startswith("pickled")
    remedy = "model.save_pretrained(...)" if pickled else "config.json, tokenizer.json, *.safetensors"
    assert remedy in caught.value.remedy
    return caught.value.found


def test_a_model_comes_back_as_it_was_saved(
    created: Any, folder: Path, words_of_pages: PreTrainedTokenizerFast
) -> None:
    model, words = llm.load(str(folder))
    saved, found = created.state_dict(), model.state_dict()
    assert found.keys() == saved.keys()
    assert model.dtype == (torch.bfloat16 if torch.cuda.is_available() else torch.float32)
    assert [name for name, value in saved.items() if not torch.equal(found[name].cpu(), value.to(model.dtype))] == []
    assert words.get_vocab() == words_of_pages.get_vocab()
    assert words.pad_token_id is not None


def test_a_created_model_has_the_size_asked_for(words_of_pages: PreTrainedTokenizerFast) -> None:
    model = llm.create(words_of_pages, 48, 2, 4)
    assert model.get_input_embeddings().weight.shape == (len(words_of_pages), 48)
    assert len(model.model.layers) == 2


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    found = refused(str(tmp_path / "nowhere"))
    assert found.startswith("no such folder, and no such model in the hub's cache (")


def test_a_name_that_is_not_in_the_cache_does_not_ask_the_network() -> None:
    assert refused("nobody/nothing").startswith("no such folder, and no such model in the hub's cache (")


def test_a_folder_without_weights_is_an_incomplete_model(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert refused(str(folder)).startswith("an incomplete model (")


def test_an_empty_folder_is_an_incomplete_model(tmp_path: Path) -> None:
    assert refused(str(tmp_path)).startswith("an incomplete model (")


def test_a_folder_without_a_tokenizer_is_an_incomplete_model(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert refused(str(folder)).startswith("an incomplete model (")


def test_weights_that_could_run_code_are_not_loaded(folder: Path) -> None:
    model, _ = llm.load(str(folder))
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    assert refused(str(folder)).startswith("pickled weights, which could run code (")


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_truncated_weights_are_an_incomplete_model(folder: Path, share: float) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert refused(str(folder)).startswith("an incomplete model (")


def test_a_config_that_is_no_json_is_an_incomplete_model(folder: Path) -> None:
    (folder / "config.json").write_text("{", encoding="utf-8")
    assert refused(str(folder)).startswith("an incomplete model (")


def examples() -> list[Example]:
    sight = triple.Sight("right mouth corner", "up and out", "strong", "late")
    frown = triple.Sight("glabella", "down", "clear", "midway")
    shown = {"happiness": ("R12", 12, sight), "disgust": ("4", 4, frown)}
    return [
        Example(emotion, [unit], triple.phrases([seen]), triple.write(emotion, [(facs.parse(code)[0], [seen])]).text)
        for emotion, (code, unit, seen) in shown.items()
        for _ in range(4)
    ]


@needs_stories
def test_a_model_we_did_not_train_loads_and_tunes() -> None:
    """LoRA and expert tokens on a real checkpoint: the loss falls, and nothing but what is ours has moved."""
    dials = params.load(ROOT / "params.yaml")
    base, words = llm.load(str(STORIES))
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    kinds = np.repeat(np.eye(2, dtype=np.float32), 4, 0)[:, None]
    noise = np.random.default_rng(0).normal(0, 0.1, (8, len(REGIONS), 2)).astype(np.float32)
    finetune = dials.finetune.model_copy(update={"alignment_steps": 20, "batch": 4, "components": 2})
    config = Config(("motion",), ("disgust", "happiness"), (4, 12), (len(REGIONS),), 6, 0.3, False, 1, triple.TASK)
    recipe, seen = loop.Recipe(dials.lora, dials.loss, finetune, 6), {"motion": kinds + noise}
    with fold.tuned(base, words, config, examples(), seen, examples(), recipe) as (_, history):
        assert history[-1].text < 0.9 * history[0].text
        assert history[-1].total < history[0].total
    after = base.state_dict()
    assert set(after) == set(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@needs_stories
def test_a_checkpoint_without_padding_gets_some(tmp_path: Path) -> None:
    shutil.copytree(STORIES, tmp_path / "model", copy_function=shutil.copyfile)
    path = tmp_path / "model" / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("pad_token", None)
    path.write_text(json.dumps(config), encoding="utf-8")
    _, words = llm.load(str(tmp_path / "model"))
    assert words.pad_token_id is not None


def test_a_tokenizer_without_an_end_is_refused(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("eos_token")
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(
        DataError,
        match="found a tokenizer without an end token, expected one with an end token, so that an answer can end",
    ):
        llm.load(str(folder))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_four_bits_without_a_gpu_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"llm\.four_bit: found no CUDA, expected a GPU, which 4-bit models need"):
        llm.load(str(folder), four_bit=True)


def test_texts_end_and_are_read_alike_alone_and_together(words_of_pages: PreTrainedTokenizerFast) -> None:
    texts = ["Evidence: chin up, slight, late.", "also 12 lip corner puller"]
    assert llm.tokenize_answers(words_of_pages, texts) == [
        llm.tokenize_answers(words_of_pages, [text])[0] for text in texts
    ]
    assert all(ids[-1] == words_of_pages.eos_token_id for ids in llm.tokenize_answers(words_of_pages, texts))
