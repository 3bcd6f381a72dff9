"""Recordings of long videos against the layouts that the renderer writes of these datasets, traps and all."""

import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import empty_frames, run_stage, write_params

from deft.core import schemas, tables
from deft.datasets import FORMATS, checkup, clips, recordings
from deft.render import corpus, layouts
from deft.render.corpus import ClipPlan

PLANS = corpus.plan(seed=11, subjects=3, clips=8, wrong=0.0)
LONG = ("casme3", "casme_squared", "samm_long")
PATTERNS = {name: clips.reader(name, "").RECORDINGS for name in FORMATS}


def written(name: str, root: Path, traps: bool = False) -> Path:
    """A stand-in's labels, and an empty file for every frame."""
    layouts.write_labels(layouts.get(name), PLANS, root, traps)
    empty_frames(layouts.get(name), PLANS, root)
    return root


def read(name: str, root: Path) -> recordings.Recordings:
    return recordings.read(root, name, name, clips.read(root, name, name))


def by_key(found: recordings.Recordings) -> dict[str, tables.Row]:
    return {row["recording"]: row for row in found.rows}


def recording(name: str, plan: ClipPlan) -> str:
    """The key of a plan's recording."""
    layout = layouts.get(name)
    assert layout.recording
    return f"{name}/{layout.identify(plan)[0]}/{layout.recording(plan)}"


def true_frames(name: str) -> dict[str, dict[int, str]]:
    """Recording → its frames by number, as the layout places them."""
    layout, found = layouts.get(name), dict[str, dict[int, str]]()
    assert layout.frame
    for plan in PLANS:
        for position in range(plan.frames):
            path = layout.frame(plan, position)
            number = int(re.findall(r"\d+", path)[-1])
            found.setdefault(recording(name, plan), {})[number] = path
    return {key: dict(sorted(paths.items())) for key, paths in found.items()}


def first_folder(name: str, root: Path) -> Path:
    return root / Path(read(name, root).rows[0]["frames"][0]).parent


def test_only_datasets_of_long_videos_have_recordings() -> None:
    assert tuple(sorted(name for name, pattern in PATTERNS.items() if pattern)) == LONG


@pytest.mark.parametrize("name", LONG)
def test_a_recording_holds_every_frame_in_the_order_of_their_numbers(name: str, tmp_path: Path) -> None:
    found = read(name, written(name, tmp_path))
    assert {row["recording"]: row["frames"] for row in found.rows} == {
        key: list(paths.values()) for key, paths in true_frames(name).items()
    }
    assert max(len(row["intervals"]) for row in found.rows) >= 3
    assert found.rejected == {}


@pytest.mark.parametrize("name", LONG)
def test_every_interval_is_the_truth_of_its_row(name: str, tmp_path: Path) -> None:
    expected = layouts.write_labels(layouts.get(name), PLANS, tmp_path, traps=True)
    empty_frames(layouts.get(name), PLANS, tmp_path)
    found, paths = by_key(read(name, tmp_path)), true_frames(name)
    plans = sorted(
        PLANS, key=layouts.get(name).identify
    )  # in the order of the sheet's rows, of which bad ones come last
    checked = 0
    for plan, row in zip(plans, expected[: len(plans)], strict=True):
        assert row.truth is not None
        truth: dict[str, Any] = {"kind": "micro"} | row.truth
        key, clip = recording(name, plan), f"{name}/{truth['subject']}/{truth['name']}"
        intervals = {interval["clip"]: interval for interval in found[key]["intervals"]}
        if truth["subject"] != layouts.get(name).identify(plan)[0]:  # a trap gave the row to somebody without frames
            assert clip not in intervals
            continue
        interval, frames = intervals[clip], found[key]["frames"]
        for moment in clips.MOMENTS:
            assert frames[interval[moment]] == paths[key][truth[moment]], (row, moment)
        assert (interval["kind"], interval["emotion"]) == (truth["kind"], truth["emotion"])
        assert [(au["unit"], au["side"]) for au in interval["aus"]] == truth["units"]
        assert row.message in interval["note"]
        checked += 1
    assert checked >= len(PLANS) - 1
    assert sum(len(row["intervals"]) for row in found.values()) == checked


@pytest.mark.parametrize("name", LONG)
def test_an_interval_and_its_clip_show_the_same_frames(name: str, tmp_path: Path) -> None:
    index = clips.read(written(name, tmp_path), name, name)
    found = recordings.read(tmp_path, name, name, index)
    intervals = {interval["clip"]: (row, interval) for row in found.rows for interval in row["intervals"]}
    assert sorted(intervals) == [clip["clip"] for clip in index.clips]
    for clip in index.clips:
        row, interval = intervals[clip["clip"]]
        assert row["frames"][interval["onset"] : interval["offset"] + 1] == clip["frames"]
        assert interval["apex"] - interval["onset"] == clip["apex"]
        assert row["fps"] == clip["fps"]
        assert {field: interval[field] for field in ("coarse", "aus", "note")} == {
            field: clip[field] for field in ("coarse", "aus", "note")
        }


@pytest.mark.parametrize("name", LONG)
def test_a_bad_row_is_listed_at_its_recording_and_hides_no_other(name: str, tmp_path: Path) -> None:
    index = clips.read(written(name, tmp_path, traps=True), name, name)
    found = recordings.read(tmp_path, name, name, index)
    reasons = [reason for row in found.rows for reason in row["rejected"]]
    assert reasons
    assert set(reasons) <= set(index.rejected.values())
    assert any("expected onset ≤ apex ≤ offset" in reason for reason in reasons)
    assert {row["recording"] for row in found.rows} == set(true_frames(name))


@pytest.mark.parametrize("name", LONG)
def test_an_interval_without_its_frame_is_rejected_alone(name: str, tmp_path: Path) -> None:
    before = read(name, written(name, tmp_path)).rows[0]
    lost = before["intervals"][0]
    (tmp_path / before["frames"][lost["apex"]]).unlink()
    after = read(name, tmp_path).rows[0]
    assert len(after["frames"]) == len(before["frames"]) - 1
    assert [interval["clip"] for interval in after["intervals"]] == [each["clip"] for each in before["intervals"][1:]]
    (reason,) = after["rejected"]
    assert reason.startswith(lost["clip"])
    assert "the apex; restore it" in reason


@pytest.mark.parametrize(
    ("name", "folder", "key"),
    [
        ("casme3", "part_A/spNO.7/J/color", "spNO.7/j"),
        ("casme_squared", "rawpic/s20/20_0401girlcrashing", "sub06/anger1"),
        ("samm_long", "SAMM_longvideos/034_7", "034/034_7"),
    ],
)
def test_a_folder_that_no_row_names_is_a_recording_without_intervals(
    name: str, folder: str, key: str, tmp_path: Path
) -> None:
    written(name, tmp_path)
    (tmp_path / folder).mkdir(parents=True)
    for number in (9, 10, 11):
        (tmp_path / folder / f"{number}.jpg").touch()
    found = read(name, tmp_path)
    assert found.rejected == {}
    row = by_key(found)[f"{name}/{key}"]
    assert row["frames"] == [f"{folder}/{number}.jpg" for number in (9, 10, 11)]
    assert row["intervals"] == row["rejected"] == []
    assert row["fps"] > 0


@pytest.mark.parametrize(
    ("name", "folder", "reason"),
    [
        ("casme3", "part_A/somebody/a/color", "expected a path like part_A/spNO.1/a/color"),
        ("casme_squared", "rawpic/s20/20_0999unknown", "expected a subject of the sheet naming rule1 and a video"),
        ("samm_long", "SAMM_longvideos/notes", "expected a name like 006_1"),
        ("samm_long", "SAMM_longvideos/034_7", "found no frames"),
    ],
)
def test_a_folder_that_is_no_recording_is_rejected_alone(name: str, folder: str, reason: str, tmp_path: Path) -> None:
    written(name, tmp_path)
    (tmp_path / folder).mkdir(parents=True)
    found = read(name, tmp_path)
    assert set(by_key(found)) == set(true_frames(name))
    assert len(found.rejected) == 1
    assert reason in next(iter(found.rejected.values()))


@pytest.mark.parametrize("name", ["casme3", "casme_squared"])
def test_two_folders_of_one_recording_are_refused(name: str, tmp_path: Path) -> None:
    folder = first_folder(name, written(name, tmp_path))
    other = folder.parents[1] / "A" / "color" if name == "casme3" else folder.with_name(f"{folder.name} copy")
    if name == "casme3":
        folder = folder.parents[1] / "a" / "color"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "1.jpg").touch()
    shutil.copytree(folder, other)
    reasons = read(name, tmp_path).rejected.values()
    assert any("expected one folder; keep the right one" in reason for reason in reasons)


def test_clips_cut_out_of_their_recordings_are_clips_alone(tmp_path: Path) -> None:
    index = clips.read(written("casme3", tmp_path), "casme3", "casme3")
    for clip in index.clips:
        target = tmp_path / "Part_A_ME_clip" / "frame" / f"{clip['subject']}_{clip['name']}"
        target.mkdir(parents=True)
        for path in clip["frames"]:
            shutil.copy(tmp_path / path, target)
    whole = read("casme3", tmp_path)
    lost = first_folder("casme3", tmp_path)
    shutil.rmtree(lost)
    rest = read("casme3", tmp_path)
    assert rest.rows == whole.rows[1:]
    assert len(rest.rejected) == len(whole.rows[0]["intervals"])
    assert all("expected the recording casme3/spNO.1/" in reason for reason in rest.rejected.values())
    shutil.rmtree(tmp_path / "part_A")
    assert len(clips.read(tmp_path, "casme3", "casme3").clips) == len(index.clips)
    assert read("casme3", tmp_path) == ([], {})


def test_a_correction_holds_in_recordings_too(tmp_path: Path) -> None:
    written("casme3", tmp_path, traps=True)
    folder = tmp_path / "part_A" / "spNO.216" / "d" / "color"
    folder.mkdir(parents=True)
    for number in range(2640, 2700):
        (folder / f"{number}.jpg").touch()
    row = by_key(read("casme3", tmp_path))["casme3/spNO.216/d"]
    (interval,) = row["intervals"]
    assert [interval[moment] for moment in clips.MOMENTS] == [7, 28, 54]
    assert "Onset: 3647 in the sheet, 2647 is used" in interval["note"]


def test_the_stage_writes_recordings_of_every_dataset_and_counts_them(tmp_path: Path) -> None:
    write_params(tmp_path, datasets=["samm_long", "casme2"])
    for name, count in (("samm_long", len(true_frames("samm_long"))), ("casme2", 0)):
        root = written(name, tmp_path / "data" / "raw" / name)
        done = run_stage(tmp_path, "index", name)
        assert done.returncode == 0, done.stderr
        table = pq.read_table(tmp_path / "data" / "recordings" / f"{name}.parquet")
        assert table.schema == schemas.RECORDINGS
        assert table.to_pylist() == read(name, root).rows
        report = tables.read_json(tmp_path / "data" / "reports" / "index" / f"{name}.json")
        assert report["recordings"] == table.num_rows == count
        assert report["intervals"] == (len(PLANS) if count else 0)
        assert report["recording_failures"] == {}


def test_a_checkup_counts_recordings(tmp_path: Path) -> None:
    found = checkup.examine(written("samm_long", tmp_path), "samm_long", "samm_long", corrections=True)
    counts = {check.what: check.found for check in found.checks}
    assert counts["recordings"] == len(true_frames("samm_long"))
    assert counts["labelled intervals in recordings"] == len(PLANS)
    assert counts["folders and clips that belong to no recording"] == 0
