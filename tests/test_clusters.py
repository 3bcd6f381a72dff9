from pathlib import Path

import pytest
import torch
from conftest import ROOT, run_stage, write_params

from deft.core import fanout, params
from pipeline import stage


def test_a_stage_writes_the_same_bytes_under_either_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    written = {}
    for engine in ("processes", "ray"):
        folder = tmp_path / engine
        folder.mkdir()
        write_params(folder, engine=engine, jobs=1, render={"subjects": 2, "clips": 1})
        done = run_stage(folder, "render")
        assert done.returncode == 0, done.stderr
        files = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
        written[engine] = {path.relative_to(folder): path.read_bytes() for path in files}
    assert len(written["ray"]) > 2
    assert written["ray"] == written["processes"]


@pytest.mark.parametrize("gpu", [True, False])
def test_without_ray_models_on_a_gpu_are_one_jobs(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    parameters = params.load(ROOT / "params.yaml").model_copy(update={"jobs": 4})
    assert stage.on_cpu(parameters) == ("processes", 4, 0)
    assert stage.on_gpu(parameters) == ("processes", 1 if gpu else 4, 0)


@pytest.mark.parametrize("gpu", [True, False])
def test_under_ray_every_job_with_a_model_holds_gpus(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    changes = {"engine": "ray", "jobs": 4, "gpus_per_job": 0.5}
    parameters = params.load(ROOT / "params.yaml").model_copy(update=changes)
    assert stage.on_cpu(parameters) == ("ray", 4, 0)
    assert stage.on_gpu(parameters) == ("ray", 4, 0.5)


def test_where_work_runs_does_not_change_what_a_stage_continues(tmp_path: Path) -> None:
    parameters = params.load(ROOT / "params.yaml")
    elsewhere = parameters.model_copy(update={"engine": "ray", "jobs": 3, "gpus_per_job": 1.0, "strict": True})
    assert stage.scratch("crop", [], elsewhere) == stage.scratch("crop", [], parameters)
    other = parameters.model_copy(update={"experts": ["motion"]})
    assert stage.scratch("crop", [], other) != stage.scratch("crop", [], parameters)


def test_a_stage_continues_only_what_its_own_scripts_have_begun() -> None:
    key = fanout.content_key([], "parameters", [ROOT / "pipeline"])
    assert stage.scratch("crop", [], "parameters") == Path(".scratch/crop") / key
    assert key != fanout.content_key([], "parameters")
