"""A dataset that comes as flow goes through the pipeline, alone and beside one that comes as pictures."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import run_stage, write_params
from transformers import PreTrainedTokenizerFast

from deft.core import params, paths, tables
from deft.learn import folds
from deft.llm import load as llm
from deft.models import deft as family
from deft.motion import verification
from deft.render import corpus, layouts
from pipeline import finetune, predict
from pipeline import folds as written

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

PLANS = corpus.plan(seed=21, subjects=3, clips=4, wrong=0.0)
STAGES = (
    *(["index", "mine"], ["crop", "mine"], ["landmarks", "mine"], ["flow", "mine"], ["verify", "mine"]),
    *(["features", "mine", expert] for expert in ("structure", "texture", "motion", "field")),
    *(["triples"], ["folds"]),
)


@pytest.fixture(scope="module")
def project(corpus: Path, tmp_path_factory: pytest.TempPathFactory, words_of_pages: PreTrainedTokenizerFast) -> Path:
    """A folder in which all stages up to the folds have run on the corpus and on ``mine``, which comes as flow."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("raw", "index", "crop", "landmarks", "flow", "verify", "features"):
        shutil.copytree(corpus / "data" / part, folder / "data" / part)
    shutil.copytree(corpus / "models", folder / "models")
    (folder / "data" / "raw" / "mine").mkdir()
    layouts.write_labels(layouts.get("flow"), PLANS, folder / "data" / "raw" / "mine", traps=False)
    torch.manual_seed(0)
    llm.create(words_of_pages, 32, 1, 2).save_pretrained(folder / "backbone")
    words_of_pages.save_pretrained(folder / "backbone")
    dials(folder, ["rendered", "mine"])
    for arguments in STAGES:
        done = run_stage(folder, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return folder


def dials(folder: Path, datasets: list[str]) -> params.Params:
    """The folder's dials for these datasets."""
    write_params(
        folder,
        datasets=datasets,
        index={"formats": {"rendered": "casme2", "mine": "flow"}},
        finetune={"epochs": 1, "components": 4, "alignment_steps": 20},
        lora={"rank": 2},
        llm={"base": str(folder / "backbone")},
    )
    return params.load(folder / "params.yaml")


def table(folder: Path, stage: str, name: str = "mine") -> list[tables.Row]:
    return tables.rows(folder / "data" / stage / f"{name}.parquet")


def test_flow_enters_after_the_stages_that_need_pictures(project: Path) -> None:
    assert table(project, "crop") == table(project, "features", "mine/structure") == []
    assert len(table(project, "index")) == len(table(project, "flow")) == len(PLANS)
    assert len(table(project, "features", "mine/motion")) == len(PLANS)
    assert json.loads((project / "data" / "reports" / "crop" / "mine.json").read_text(encoding="utf-8"))["clips"] == 0


def test_most_units_that_moved_are_supported_by_fields_of_28_by_28(project: Path) -> None:
    verdicts = [au["verdict"] for row in table(project, "verify") for au in row["aus"]]
    assert len(verdicts) >= len(PLANS)
    assert verdicts.count(verification.SUPPORTED) > 0.6 * len(verdicts)


def test_the_heads_motion_is_taken_off_a_field(project: Path) -> None:
    assert min(np.abs(row["head"]).max() for row in table(project, "flow")) > 0


@pytest.mark.parametrize(
    ("datasets", "experts"),
    [(["mine"], ("motion", "field")), (["rendered", "mine"], ("structure", "texture", "motion", "field"))],
)
def test_folds_are_learned_and_tested_with_the_experts_that_see_the_clips(
    datasets: list[str],
    experts: tuple[str, ...],
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    chosen = dials(tmp_path, datasets)
    assert run_stage(tmp_path, "triples").returncode == run_stage(tmp_path, "folds").returncode == 0
    rows, found = tables.rows(tmp_path / "data" / "triples.parquet"), written.read()
    assert {row["dataset"] for row in rows} == set(datasets)
    assert set(found) == {*folds.loso(rows), folds.FINAL}
    finetune.tune("deft", chosen, rows, found, paths.folds("deft"), "mine-sub01")
    with family.load(paths.folds("deft") / "mine-sub01") as model:
        assert model.config.experts == experts
    answers = predict.predict("deft", chosen, "mine-sub01")
    assert answers
    assert [answer["clip"] for answer in answers] == found["mine-sub01"].test
    assert all(np.isfinite([each["p"] for each in answer["probabilities"]]).all() for answer in answers)
