import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import run_stage, write_params

from deft.core import features, params, schemas, tables
from deft.core.errors import DataError
from deft.facs.regions import REGIONS
from deft.language import triple
from deft.learn import folds
from deft.score import faithful
from pipeline import stage as stages
from pipeline import triples

EXPERTS = ("structure", "texture", "motion", "field")

CLIPS = 9
PER_DATASET = {
    "index": schemas.INDEX, "crop": schemas.CROP, "landmarks": schemas.LANDMARKS, "flow": schemas.FLOW,
    "verify": schemas.VERIFY,
}  # fmt: skip


def report(folder: Path, stage: str, name: str = "rendered") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (folder / "data" / "reports" / stage / f"{name}.json").read_text(encoding="utf-8")
    )
    return content


@pytest.fixture
def mine(corpus: Path, tmp_path: Path) -> Path:
    """A copy of the corpus up to its index, to be spoiled."""
    for part in ("raw", "index"):
        shutil.copytree(corpus / "data" / part, tmp_path / "data" / part)
    write_params(tmp_path)
    return tmp_path


def frame(folder: Path, number: int = 0, which: str = "onset") -> Path:
    """A frame of a clip, by its place in the index."""
    row = tables.rows(folder / "data" / "index" / "rendered.parquet")[number]
    name: str = row["frames"][row[which]]
    return folder / "data" / "raw" / "rendered" / name


@pytest.mark.parametrize("stage", PER_DATASET)
def test_every_clip_goes_through(corpus: Path, stage: str) -> None:
    path = corpus / "data" / stage / "rendered.parquet"
    assert len(tables.clips(path)) == CLIPS
    assert report(corpus, stage)["clips"] == CLIPS
    assert report(corpus, stage)["failures"] == {}


@pytest.mark.parametrize("stage", PER_DATASET)
def test_a_table_has_its_schema_a_row_group_a_clip_and_its_order(corpus: Path, stage: str) -> None:
    file = pq.ParquetFile(corpus / "data" / stage / "rendered.parquet")
    assert file.schema_arrow.equals(PER_DATASET[stage])
    groups = [set(file.read_row_group(i)["clip"].to_pylist()) for i in range(file.num_row_groups)]
    assert [len(group) for group in groups] == [1] * CLIPS
    assert groups == sorted(groups, key=min)


@pytest.mark.parametrize("expert", EXPERTS)
def test_every_expert_encodes_every_clip_alike(corpus: Path, expert: str) -> None:
    rows = tables.rows(corpus / "data" / "features" / "rendered" / f"{expert}.parquet")
    assert len(rows) == CLIPS
    assert len({np.shape(row["tokens"]) for row in rows}) == 1
    assert np.isfinite([row["tokens"] for row in rows]).all()


def test_scratch_holds_nothing_once_all_is_done(corpus: Path) -> None:
    assert [path for path in (corpus / ".scratch").rglob("*") if path.is_file()] == []


def test_onset_and_apex_are_among_the_crops(corpus: Path) -> None:
    for row in tables.rows(corpus / "data" / "index" / "rendered.parquet"):
        crops = tables.rows(corpus / "data" / "crop" / "rendered.parquet", ["position"], row["clip"])
        assert {row["onset"], row["apex"]} <= {crop["position"] for crop in crops}


def test_the_last_step_of_flow_is_the_apex(corpus: Path) -> None:
    for row in tables.rows(corpus / "data" / "index" / "rendered.parquet"):
        steps, fields = tables.flows(corpus / "data" / "flow" / "rendered.parquet", row["clip"])
        assert steps[-1]["position"] == row["apex"]
        assert np.isfinite(fields).all()


def test_stages_know_their_error_against_truth(corpus: Path) -> None:
    assert report(corpus, "landmarks")["error_iod"] < 0.1
    assert report(corpus, "flow")["epe_median_px"] < 1
    assert report(corpus, "flow")["head_removed"] > 0.5
    assert report(corpus, "verify")["auc"] > 0.7


@pytest.fixture(scope="module")
def triple_rows(corpus: Path) -> list[tables.Row]:
    rows = tables.rows(corpus / "data" / "triples.parquet")
    assert len(rows) == CLIPS
    return rows


def test_a_triple_is_written_for_every_clip(triple_rows: list[tables.Row]) -> None:
    assert [row["clip"] for row in triple_rows] == sorted(row["clip"] for row in triple_rows)


def test_every_target_parses_into_its_own_columns(triple_rows: list[tables.Row]) -> None:
    for row in triple_rows:
        parsed = triple.parse(row["target"])
        assert parsed is not None
        assert parsed.code_texts == row["aus"]
        assert [sight._asdict() for sight in parsed.evidence] == row["evidence"]
        assert (parsed.rationale, parsed.category) == (row["rationale"], row["category"])


def test_a_text_names_only_what_the_motion_supports(triple_rows: list[tables.Row]) -> None:
    named = faithful.unsupported([row["rationale"] for row in triple_rows], [row["moving"] for row in triple_rows])
    assert sum(named.wholes) > 0
    assert sum(named.parts) == 0
    assert any(row["units"] for row in triple_rows)
    assert all(set(row["units"]) <= set(row["listed"]) for row in triple_rows)


def test_a_text_names_only_what_is_seen(triple_rows: list[tables.Row]) -> None:
    for row in triple_rows:
        assert [phrase.startswith(region) for phrase, region in zip(row["seen"], REGIONS, strict=True)] == [True] * 17
        assert {triple.Sight(**sight).text for sight in row["evidence"]} <= set(row["seen"])
    assert any(row["evidence"] for row in triple_rows)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "macro"}, "not a micro-expression"),
        ({"emotion": None, "classes": {"3": None}}, "no emotion is no class under task.labels"),
        ({"classes": {"3": None}}, "is no class under task.labels"),
    ],
)
def test_a_clip_without_a_class_is_neither_learned_nor_tested(
    change: dict[str, Any], reason: str, corpus: Path, tmp_path: Path
) -> None:
    write_params(tmp_path, task={"labels": "3"})
    clip = tables.rows(corpus / "data" / "index" / "rendered.parquet")[0]
    verified = tables.row(corpus / "data" / "verify" / "rendered.parquet", clip["clip"])
    row = triples.write(clip | change, verified, params.load(tmp_path / "params.yaml"))
    assert row["label"] is None
    assert reason in row["dropped"]
    assert folds.final([row]).train == []


def test_unverified_texts_take_the_sheet_at_its_word(
    corpus: Path, tmp_path: Path, triple_rows: list[tables.Row]
) -> None:
    write_params(tmp_path, triples={"verified": False})
    unverified, differ = params.load(tmp_path / "params.yaml"), 0
    for clip, verified in zip(tables.rows(corpus / "data" / "index" / "rendered.parquet"), triple_rows, strict=True):
        verified_row = tables.row(corpus / "data" / "verify" / "rendered.parquet", clip["clip"])
        row = triples.write(clip, verified_row, unverified)
        said = {au["unit"] for au in verified_row["aus"] if au["verdict"] != "unobservable"}
        assert set(row["units"]) == said
        assert set(row["listed"]) == set(verified["listed"])
        assert not row["dropped"]
        differ += row["units"] != verified["units"]
    assert differ


def test_a_table_of_features_with_a_hole_is_refused(corpus: Path, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(corpus / "data" / "features", mine / "data" / "features")
    path = mine / "data" / "features" / "rendered" / "motion.parquet"
    rows = tables.rows(path)
    rows[3]["tokens"][0][2] = float("nan")
    tables.write(path, schemas.FEATURES, [[row] for row in rows])
    monkeypatch.chdir(mine)
    with pytest.raises(DataError, match=r"motion\.parquet: found NaN or infinite values in 1 clips, expected numbers"):
        features.read(stages.features(params.load(mine / "params.yaml"), EXPERTS), [rows[0]["clip"]])


def test_an_expert_that_sees_none_of_these_clips_is_left_out(
    corpus: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(corpus / "data" / "features", mine / "data" / "features")
    path = mine / "data" / "features" / "rendered" / "texture.parquet"
    rows = tables.rows(path)
    clips = [row["clip"] for row in rows]
    tables.write(path, schemas.FEATURES, [[row] for row in rows[:3]])
    monkeypatch.chdir(mine)
    files = stages.features(params.load(mine / "params.yaml"), EXPERTS)
    assert set(features.read(files, clips[3:])) == {"structure", "motion", "field"}
    some = features.read(files, clips[2:])
    assert np.isnan(some["texture"]).any((1, 2)).tolist() == [False, *[True] * (len(clips) - 3)]


def test_messages_are_the_task_and_the_answer(triple_rows: list[tables.Row]) -> None:
    for row in triple_rows:
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
        assert [message["content"] for message in row["messages"]] == [triple.TASK, row["target"]]


def test_same_seed_same_bytes_whatever_the_number_of_workers(corpus: Path, tmp_path: Path) -> None:
    for part in ("raw", "truth"):
        shutil.copytree(corpus / "data" / part, tmp_path / "data" / part)
    shutil.copytree(corpus / "models", tmp_path / "models")
    write_params(tmp_path, jobs=1)
    for stage in PER_DATASET:
        assert run_stage(tmp_path, stage, "rendered").returncode == 0
    assert run_stage(tmp_path, "triples").returncode == 0
    written = [f"{stage}/rendered.parquet" for stage in PER_DATASET] + ["triples.parquet"]
    written += [f"reports/{stage}/rendered.json" for stage in PER_DATASET] + ["reports/triples.json"]
    for path in written:
        assert (tmp_path / "data" / path).read_bytes() == (corpus / "data" / path).read_bytes(), path


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:2000]), "found a truncated JPEG, expected a frame"),
        (lambda path: path.unlink(), "found No such file or directory, expected a frame"),
        (lambda path: path.write_bytes(b""), "found an empty file, expected a frame"),
    ],
    ids=["truncated", "missing", "empty"],
)
def test_a_bad_frame_leaves_out_its_clip_alone(mine: Path, spoil: Any, reason: str) -> None:
    path = frame(mine, 4)
    spoil(path)
    done = run_stage(mine, "crop", "rendered")
    assert done.returncode == 0, done.stderr
    clips = tables.clips(mine / "data" / "index" / "rendered.parquet")
    assert report(mine, "crop")["failures"] == {
        clips[4]: f"{path.relative_to(mine)}: {reason}; restore the file",
    }
    assert tables.clips(mine / "data" / "crop" / "rendered.parquet") == clips[:4] + clips[5:]
    assert "crop rendered: 8 done, 1 left out" in done.stderr


def test_a_clip_without_a_face_is_left_out(mine: Path) -> None:
    frame(mine).write_bytes(cv2.imencode(".jpg", np.full((480, 640, 3), 128, np.uint8))[1].tobytes())
    assert run_stage(mine, "crop", "rendered").returncode == 0
    assert ["found no face" in reason for reason in report(mine, "crop")["failures"].values()] == [True]


def test_strict_stops_at_a_single_bad_clip(mine: Path) -> None:
    frame(mine).unlink()
    write_params(mine, strict=True)
    done = run_stage(mine, "crop", "rendered")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: crop rendered: found 1 failures, expected none")
    assert len(report(mine, "crop")["failures"]) == 1


def test_a_stage_of_which_nothing_is_left_fails(mine: Path) -> None:
    shutil.rmtree(mine / "data" / "raw" / "rendered" / "CASME2-RAW")
    done = run_stage(mine, "crop", "rendered")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: crop rendered: found nothing usable, expected at least one")
    assert len(report(mine, "crop")["failures"]) == CLIPS


def test_a_missing_frame_is_told_by_the_index(mine: Path) -> None:
    frame(mine, 3, "apex").unlink()
    done = run_stage(mine, "index", "rendered")
    assert done.returncode == 0
    assert report(mine, "index")["clips"] == CLIPS - 1
    (reason,) = report(mine, "index")["failures"].values()
    assert "the apex; restore it or correct the sheet" in reason


def one_line(folder: Path, *arguments: str) -> str:
    done = run_stage(folder, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_a_typo_in_params_gives_one_line(mine: Path) -> None:
    path = mine / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  size_px:", "  sise_px: 256\n  size_px:"), encoding="utf-8")
    assert one_line(mine, "crop", "rendered").startswith(
        "error: params.yaml: crop.sise_px: unknown key; known here: size_px"
    )


def test_missing_params_give_one_line(tmp_path: Path) -> None:
    assert one_line(tmp_path, "triples").startswith("error: params.yaml: there is no such file")


@pytest.mark.parametrize("dataset", ["casme2", "nowhere"])
def test_a_missing_dataset_gives_one_line(mine: Path, dataset: str) -> None:
    assert one_line(mine, "index", dataset).startswith(f"error: data/raw/{dataset}: found no such folder")


def test_a_dataset_of_an_unknown_format_gives_one_line(mine: Path) -> None:
    (mine / "data" / "raw" / "mine").mkdir()
    line = one_line(mine, "index", "mine")
    assert "index.formats" in line


@pytest.mark.parametrize(
    "arguments", [["landmarks", "rendered"], ["flow", "rendered"], ["triples"], ["features", "rendered", "motion"]]
)
def test_a_stage_before_its_time_gives_one_line(mine: Path, arguments: list[str]) -> None:
    line = one_line(mine, *arguments)
    assert line.startswith("error: data/")
    assert line.endswith("found no such file, expected the file of an earlier stage; run `dvc repro`")


def test_verifying_without_a_prior_gives_one_line(mine: Path) -> None:
    line = one_line(mine, "verify", "rendered")
    assert (
        line == "error: models/prior: found no motion prior, expected the file model.safetensors; run `dvc repro prior`"
    )


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["stage"], ["__main__"]])
def test_an_unknown_stage_is_answered_with_the_list(tmp_path: Path, arguments: list[str]) -> None:
    line = one_line(tmp_path, *arguments)
    assert line.startswith("usage: python -m pipeline STAGE")
    assert "crop, evaluate, features" in line
