import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
import yaml
from conftest import REAL, ROOT, real_footage, run_stage
from typer.testing import CliRunner, Result

import deft
from deft.cli import app
from deft.core import tables
from deft.core.errors import DataError
from deft.media import Image


@pytest.fixture
def in_tuned(tuned: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tuned)
    return tuned


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def test_every_held_out_clip_is_answered_and_scored(tuned: Path) -> None:
    scores = json.loads((tuned / "metrics" / "loso.json").read_text())
    assert scores["n"] == {"clips": 9, "subjects": 3}
    assert scores["rule"] == "leave one subject out: pooled over 3 folds"
    assert scores["text"]["parsed"] == 1.0
    assert {"uf1", "uar", "acc", "uf1_low", "uf1_high"} <= set(scores["emotion"])
    assert {row["subject"]: row["clips"] for row in scores["by_subject"]} == {f"rendered/sub0{n}": 3 for n in (1, 2, 3)}
    baselines = json.loads((tuned / "metrics" / "baselines.json").read_text())
    assert set(baselines) == {*("mdmo_svm", "lbp_top_svm", "field_svm", "prior_svm", "three_streams", "majority")}
    assert all(figures["n"] == scores["n"] for figures in baselines.values())
    experts = json.loads((tuned / "metrics" / "experts.json").read_text())
    assert {name: set(figures) for name, figures in experts.items() if name != "rule"} == {
        name: {"probe", "drop"} for name in ("structure", "texture", "motion", "field")
    }


def test_every_held_out_clip_is_asked_again_with_the_motion_of_one_of_its_fold(tuned: Path) -> None:
    rows = {row["clip"]: row for row in tables.rows(tuned / "data" / "predictions" / "deft.parquet")}
    donors = {clip: row["shuffled"]["donor"] for clip, row in rows.items()}
    assert set(donors) == set(donors.values())
    assert all(clip != donor and rows[clip]["fold"] == rows[donor]["fold"] for clip, donor in donors.items())
    assert all(row["shuffled"]["said_emotion"] and row["shuffled"]["evidence"] is not None for row in rows.values())
    assert "evidence_changed" in json.loads((tuned / "metrics" / "loso.json").read_text())["shuffled"]


# In a stage that tunes: it and all that it has started are killed as it begins to write its second model.
KILLED_AT_THE_SECOND_MODEL = """
import os
import signal
import sys

def heard(event, arguments, seen=[]):
    if event == "open" and str(arguments[0]).endswith("adapter_config.json") and "w" in str(arguments[1]):
        seen.append(arguments[0])
        if len(seen) == 2:
            os.killpg(0, signal.SIGKILL)

sys.addaudithook(heard)
"""


def test_a_killed_run_goes_on_after_its_last_fold_and_ends_in_the_same_figures(tuned: Path, tmp_path: Path) -> None:
    for part in ("data", "models/backbone", "models/prior"):
        shutil.copytree(tuned / part, tmp_path / part)
    dials = yaml.safe_load((tuned / "params.yaml").read_text(encoding="utf-8")) | {"jobs": 1}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(dials), encoding="utf-8")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(KILLED_AT_THE_SECOND_MODEL, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path / "site"), str(ROOT / "src"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "pipeline", "finetune", "deft"]
    killed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, start_new_session=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (first,) = tmp_path.glob(".scratch/finetune/deft/*.folds/*/measurement.json")
    written = first.stat().st_mtime_ns
    for arguments in (["finetune", "deft"], ["predict", "deft"], ["evaluate"]):
        again = run_stage(tmp_path, *arguments)
        assert again.returncode == 0, again.stderr
    models = (tmp_path / "models").rglob("measurement.json")
    (kept,) = (path for path in models if path.parent.name == first.parent.name)
    assert kept.stat().st_mtime_ns == written
    assert (tmp_path / "metrics/loso.json").read_bytes() == (tuned / "metrics/loso.json").read_bytes()


def clip(folder: Path, subject: str) -> Path:
    return min((folder / "data/raw/rendered/CASME2-RAW" / subject).iterdir())


def written(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return content


def test_a_folder_of_pictures_is_answered_with_json_table_timeline_and_a_picture_an_event(
    in_tuned: Path, tmp_path: Path
) -> None:
    """Of the first clip in which an event is found: the fixture's prior has learned from few fields."""
    for frames in sorted((in_tuned / "data/raw/rendered/CASME2-RAW/sub01").iterdir()):
        done = predict(frames, "--out", tmp_path)
        assert done.exit_code == 0, done.output
        found = written(tmp_path, frames.name)["events"]
        if len(found) == 1 and "category" in found[0]:
            break
    (event,) = found
    assert 0 <= event["onset"] < event["apex"] <= event["offset"]
    assert event["kind"] == "micro"
    assert set(event["category"]) == {"emotion", "aus"}
    assert event["confidence"] == event["head"]["emotions"][event["category"]["emotion"]]
    assert len(event["measured"]) == 17
    with (tmp_path / f"{frames.name}.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert [row[name] for name in ("kind", "onset", "emotion")] == [
        "micro", str(event["onset"]), event["category"]["emotion"]
    ]  # fmt: skip
    for picture in (f"{frames.name}.png", f"{frames.name}-1.png"):
        assert matplotlib.image.imread(tmp_path / picture).shape[1] == 1600
    assert event["category"]["emotion"] in done.output


def test_given_onset_and_apex_are_used(in_tuned: Path, tmp_path: Path) -> None:
    frames = clip(in_tuned, "sub02")
    assert predict(frames, "--out", tmp_path, "--onset", 3, "--apex", 17).exit_code == 0
    (event,) = written(tmp_path, frames.name)["events"]
    assert (event["onset"], event["apex"], event["offset"], event["z"]) == (3, 17, 31, None)


def test_a_folders_frames_are_as_fast_as_its_owner_says(in_tuned: Path, tmp_path: Path) -> None:
    frames = clip(in_tuned, "sub02")
    assert predict(frames, "--out", tmp_path, "--onset", 0, "--apex", 20, "--fps", 25).exit_code == 0
    content = written(tmp_path, frames.name)
    assert content["fps"] == 25
    assert content["events"][0]["apex_s"] == 0.8
    assert content["events"][0]["kind"] == "macro"


def test_the_library_call_returns_the_triple(in_tuned: Path) -> None:
    assert deft.predict(clip(in_tuned, "sub03")).emotion


def test_a_face_that_does_not_move_is_said_not_to(in_tuned: Path, tmp_path: Path, astronaut: Image) -> None:
    for number in range(12):
        plt.imsave(tmp_path / f"{number}.png", astronaut)
    done = predict(tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "no facial motion above the video's own noise" in done.output
    assert written(tmp_path / "out", tmp_path.name)["events"] == []
    with pytest.raises(DataError, match="no facial motion"):
        deft.predict(tmp_path)


@pytest.mark.parametrize(("onset", "apex"), [(9, 3), (0, 5000)])
def test_a_moment_outside_the_video_is_refused(in_tuned: Path, tmp_path: Path, onset: int, apex: int) -> None:
    done = predict(clip(in_tuned, "sub01"), "--out", tmp_path, "--onset", onset, "--apex", apex)
    assert done.exit_code == 1
    assert "apex" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_onset_without_an_apex_is_refused(in_tuned: Path, tmp_path: Path) -> None:
    done = predict(clip(in_tuned, "sub01"), "--out", tmp_path, "--onset", 3)
    assert done.exit_code == 2
    assert "go together" in done.stderr


def test_a_missing_model_is_refused_with_what_to_do(tmp_path: Path, astronaut: Image) -> None:
    plt.imsave(tmp_path / "1.png", astronaut)
    done = predict(tmp_path, "--model", tmp_path / "nowhere")
    assert done.exit_code == 1
    assert "dvc repro" in done.stderr


def test_images_without_a_face_exit_with_3(in_tuned: Path, tmp_path: Path) -> None:
    for number in range(12):
        plt.imsave(tmp_path / f"{number}.png", np.full((240, 320, 3), 90, np.uint8))
    done = predict(tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 3
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path}: found no face in any frame")


@real_footage
def test_a_real_video_is_answered(in_tuned: Path, tmp_path: Path) -> None:
    done = predict(REAL / "single_face.mp4", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    content = written(tmp_path, "single_face")
    assert (content["fps"], content["frames"]) == (30, 72)
    for event in content["events"]:
        assert 0 <= event["onset"] < event["apex"] <= event["offset"] < 72
    assert content["events"]


@real_footage
def test_a_video_without_a_face_exits_with_3_and_one_sentence(in_tuned: Path, tmp_path: Path) -> None:
    done = predict(REAL / "no_face.mp4", "--out", tmp_path)
    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1
    assert "no face" in done.stderr
