"""What is wrong with a sheet, its frames or its folder is told, and nothing else is said to be wrong."""

import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import edited, empty_frames
from msoffcrypto.format.ooxml import OOXMLFile

from deft.core.errors import DataError
from deft.datasets import FORMATS, Reader, clips, corrections, fields, frames, sheet
from deft.facs import mean_face
from deft.render import corpus, layouts

PLANS = corpus.plan(seed=12, subjects=3, clips=2, wrong=0.0)
WORKBOOKS = [name for name in FORMATS if layouts.get(name).books]


def labels(name: str, root: Path, traps: bool = False) -> list[Path]:
    """A layout's label sheets, as its reader finds them."""
    layouts.write_labels(layouts.get(name), PLANS, root, traps)
    return clips.labels(root, clips.reader(name, root))[1]


def with_frames(name: str, root: Path) -> Path:
    """A dataset with an empty file for every frame."""
    labels(name, root)
    empty_frames(layouts.get(name), PLANS, root)
    return root


def the_clip(root: Path) -> Path:
    """The folder of the first clip's frames in CASME II's layout."""
    frame = layouts.get("casme2").frame
    assert frame
    return (root / frame(PLANS[0], 0)).parent


@pytest.mark.parametrize("name", WORKBOOKS)
@pytest.mark.parametrize("other", WORKBOOKS)
def test_the_sheet_of_another_dataset_is_refused(name: str, other: str, tmp_path: Path) -> None:
    reader, path = clips.reader(name, ""), labels(other, tmp_path)[0]
    if name == other:
        assert len(reader.read_sheet(path)) > 0
    else:
        with pytest.raises(DataError, match="put the dataset's own label sheet there"):
            reader.read_sheet(path)


@pytest.mark.parametrize("name", WORKBOOKS)
def test_a_workbook_under_a_password_is_refused(name: str, tmp_path: Path) -> None:
    path = labels(name, tmp_path)[0]
    locked = io.BytesIO()
    with path.open("rb") as file:
        OOXMLFile(file).encrypt("secret", locked)
    path.write_bytes(locked.getvalue())
    with pytest.raises(
        DataError, match="found a password-protected workbook, expected a readable one; save it without"
    ):
        clips.reader(name, "").read_sheet(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_workbook_that_is_cut_short_is_refused(share: float, tmp_path: Path) -> None:
    path = labels("samm", tmp_path)[0]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="found no readable workbook"):
        clips.reader("samm", "").read_sheet(path)


def test_a_header_below_rows_of_data_is_refused(tmp_path: Path) -> None:
    path = labels("casme2", tmp_path)[0]
    with edited(path) as book:
        tab = book.worksheets[0]
        header = [cell.value for cell in tab[1]]
        tab.delete_rows(1)
        tab.append(header)
    with pytest.raises(DataError, match="found the header below rows of data"):
        clips.reader("casme2", "").read_sheet(path)


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = labels("casme2", tmp_path)[0]
    with edited(path) as book:
        book.worksheets[0].cell(1, 3, "OnsetFrame")
    with pytest.raises(DataError, match="Sheet1, row 1: found two columns OnsetFrame, expected each column once"):
        clips.reader("casme2", "").read_sheet(path)


def test_two_label_sheets_of_one_release_are_refused(tmp_path: Path) -> None:
    (path,) = labels("casme2", tmp_path)
    shutil.copy(path, path.with_suffix(".xls"))
    with pytest.raises(DataError, match=r"expected one label sheet .*; keep the right one"):
        clips.read(tmp_path, "casme2", "casme2")


def test_a_workbook_that_is_open_elsewhere_does_not_count_twice(tmp_path: Path) -> None:
    (path,) = labels("casme2", tmp_path)
    path.with_name(f"~${path.name}").touch()
    assert clips.labels(tmp_path, clips.reader("casme2", ""))[1] == [path]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "reg_img1.jpg").touch(), "expected one naming scheme"),
        (lambda folder: (folder / "img1.png").touch(), "expected one naming scheme"),
        (lambda folder: _double(folder), "each number once"),
        (lambda folder: _behind_a_link(folder), "found a link to .*, expected a place inside the dataset's folder"),
        (lambda folder: _frame_elsewhere(folder), "found a link to .*, expected a place inside the dataset's folder"),
        (lambda folder: _in_a_circle(folder), "expected files that can be read"),
        (lambda folder: shutil.rmtree(folder), "found no folder with this clip's frames, expected CASME2-RAW/sub01/"),
    ],
    ids=["prefixes", "suffixes", "padding", "linked folder", "linked frame", "circle", "none"],
)
def test_bad_frames_reject_their_clip_alone(spoil: Callable[[Path], Any], said: str, tmp_path: Path) -> None:
    root = with_frames("casme2", tmp_path / "casme2")
    spoil(the_clip(root))
    found = clips.read(root, "casme2", "casme2")
    assert len(found.clips) == len(PLANS) - 1
    (reason,) = found.rejected.values()
    assert re.search(said, reason)


def _double(folder: Path) -> None:
    first = next(folder.iterdir())
    first.with_name(f"img0{first.stem.removeprefix('img')}.jpg").touch()


def _behind_a_link(folder: Path) -> None:
    elsewhere = folder.parents[3] / "elsewhere"
    shutil.move(folder, elsewhere)
    folder.symlink_to(elsewhere)


def _frame_elsewhere(folder: Path) -> None:
    first = next(folder.iterdir())
    first.rename(folder.parents[3] / "elsewhere.jpg")
    first.symlink_to(folder.parents[3] / "elsewhere.jpg")


def _in_a_circle(folder: Path) -> None:
    first = next(folder.iterdir())
    first.unlink()
    first.symlink_to(first)


def test_an_empty_tree_does_not_hide_a_full_one(tmp_path: Path) -> None:
    root = with_frames("casme2", tmp_path)
    cropped = root / "Cropped" / "sub01" / PLANS[0].name
    shutil.copytree(the_clip(root), cropped)
    for file in the_clip(root).iterdir():
        file.unlink()
    found = clips.read(root, "casme2", "casme2").clips
    assert len(found) == len(PLANS)
    assert found[0]["frames"][0].startswith("Cropped/")


def test_a_name_too_long_for_a_file_rejects_its_row(tmp_path: Path) -> None:
    root = with_frames("casme2", tmp_path)
    (path,) = clips.labels(root, clips.reader("casme2", ""))[1]
    with edited(path) as book:
        book.worksheets[0].cell(2, 2, "EP" + "1" * 300)
    (reason,) = clips.read(root, "casme2", "casme2").rejected.values()
    assert "File name too long" in reason


def test_rows_in_two_sheets_are_refused(tmp_path: Path) -> None:
    (path,) = labels("mmew", tmp_path)
    with edited(path) as book:
        book.copy_worksheet(book.worksheets[0])
    with pytest.raises(DataError, match="found rows in the sheets Sheet1 and Sheet1 Copy, expected rows in one sheet"):
        clips.reader("mmew", "").read_sheet(path)


def test_the_sheet_that_a_release_names_is_read_whatever_stands_beside_it(tmp_path: Path) -> None:
    (path,) = labels("samm", tmp_path)
    with edited(path) as book:
        book.copy_worksheet(book.worksheets[0])
    assert len(clips.reader("samm", "").read_sheet(path)) == len(PLANS)


def test_a_sheet_without_rows_is_refused(tmp_path: Path) -> None:
    (path,) = labels("casme2", tmp_path)
    with edited(path) as book:
        book.worksheets[0].delete_rows(2, 99)
    with pytest.raises(DataError, match="found no rows, expected one row per clip"):
        clips.reader("casme2", "").read_sheet(path)


def test_cas_me_squareds_labels_are_found_behind_an_empty_sheet_and_its_rules_are_unique(tmp_path: Path) -> None:
    (path,) = labels("casme_squared", tmp_path)
    with edited(path) as book:
        book.create_sheet("Sheet1", 0)
    assert len(clips.reader("casme_squared", "").read_sheet(path)) == len(PLANS)
    with edited(path) as book:
        book["naming rule1"].append([99, "s99", 1])
    with pytest.raises(DataError, match="naming rule1, row 50: found 1 twice, expected each name once"):
        clips.reader("casme_squared", "").read_sheet(path)


@pytest.mark.parametrize(
    ("name", "column", "cell"), [("dfme", "Subject", "Sub1"), ("fourdme", "sub_ID", "1_1st"), ("casme2", "Subject", 1)]
)
def test_a_subject_is_one_however_it_is_written(name: str, column: str, cell: object, tmp_path: Path) -> None:
    path, reader = labels(name, tmp_path)[0], clips.reader(name, "")
    before = {row["subject"] for row in reader.read_sheet(path).to_pylist()}
    with edited(path) as book:
        tab = book.worksheets[0]
        places = {each.value: each.column for each in tab[1]}
        tab.cell(2, places[column], cell)
    assert {row["subject"] for row in reader.read_sheet(path).to_pylist()} == before


def test_the_dataset_itself_may_be_a_link(tmp_path: Path) -> None:
    with_frames("casme2", tmp_path / "far")
    (tmp_path / "casme2").symlink_to(tmp_path / "far")
    assert len(clips.read(tmp_path / "casme2", "casme2", "casme2").clips) == len(PLANS)


def test_a_label_sheet_from_elsewhere_is_refused(tmp_path: Path) -> None:
    root = with_frames("casme2", tmp_path / "casme2")
    (path,) = clips.labels(root, clips.reader("casme2", ""))[1]
    path.rename(tmp_path / "elsewhere.xlsx")
    path.symlink_to(tmp_path / "elsewhere.xlsx")
    with pytest.raises(DataError, match=r"found a link to .*, expected a place inside the dataset's folder"):
        clips.read(root, "casme2", "casme2")


def test_links_within_the_dataset_are_followed(tmp_path: Path) -> None:
    root = with_frames("casme2", tmp_path)
    (root / "CASME2-RAW").rename(root / "frames")
    (root / "CASME2-RAW").symlink_to(root / "frames")
    assert len(clips.read(root, "casme2", "casme2").clips) == len(PLANS)


def test_positions_follow_numbers_across_a_gap(tmp_path: Path) -> None:
    root = with_frames("casme2", tmp_path)
    before = clips.read(root, "casme2", "casme2").clips[0]
    path = root / before["frames"][before["onset"] + 1]
    path.unlink()
    after = clips.read(root, "casme2", "casme2").clips[0]
    assert after["apex"] == before["apex"] - 1
    assert after["frames"][after["apex"]] == before["frames"][before["apex"]]


def test_a_recording_gives_each_clip_its_own_frames(tmp_path: Path) -> None:
    found = clips.read(with_frames("casme3", tmp_path), "casme3", "casme3").clips
    assert len(found) == len(PLANS)
    assert all(clip["onset"] == 0 and clip["offset"] == len(clip["frames"]) - 1 for clip in found)


def test_every_correction_is_cited_and_changes_something() -> None:
    for each in corrections.known():
        assert each.dataset in FORMATS
        assert each.sheet != each.ours
        assert all((each.clip, each.column, each.why, each.source)), each


@pytest.mark.parametrize("each", corrections.known(), ids=lambda each: f"{each.clip} {each.column}")
def test_a_correction_is_applied_to_the_wrong_value_alone(each: corrections.Correction) -> None:
    subject, name = each.clip.split("/")
    for wrong in (each.sheet, int(each.sheet)):
        cells: dict[str, Any] = {each.column: wrong}
        assert corrections.apply(each.dataset, subject, name, cells)
        assert cells[each.column] == each.ours
    right: dict[str, Any] = {each.column: each.ours}
    assert corrections.apply(each.dataset, subject, name, right) == []


def test_corrections_can_be_turned_off_and_are_listed(tmp_path: Path) -> None:
    labels("samm", tmp_path, traps=True)
    told = {on: clips.read(tmp_path, "samm", "samm", corrections=on) for on in (True, False)}
    assert list(told[True].corrected) == ["samm/032/032_3_1"]
    assert clips.report(told[True])["corrections"] == told[True].corrected
    assert told[False].corrected == {}
    assert any("found onset 4896, apex 1930, offset 4970" in reason for reason in told[False].rejected.values())


def test_samms_long_videos_know_emotions_by_samms_own_sheet(tmp_path: Path) -> None:
    (path,) = labels("samm_long", tmp_path)
    reader = clips.reader("samm_long", "")
    words = {row["emotion"] for row in reader.read_sheet(path).to_pylist()}
    assert words <= set(layouts.get("samm").words.values())
    (tmp_path / layouts.get("samm").books[0].file).unlink()
    rows = reader.read_sheet(path).to_pylist()
    assert {row["emotion"] for row in rows} == {row["coarse"] for row in rows} == {None}
    assert all("emotion: none here" in row["note"] for row in rows)


@pytest.mark.parametrize(
    ("name", "subject", "clip", "emotion", "three", "five"),
    [
        ("casme2", "1", "EP01_01", "fear", None, None),
        ("casme2", "1", "EP01_01", "sadness", None, None),
        ("casme2", "1", "EP01_01", "disgust", "negative", "disgust"),
        ("casme2", "4", "EP12_01f", "disgust", None, "disgust"),
        ("casme2", "5", "EP09_05f", "disgust", None, "disgust"),
        ("casme2", "24", "EP07_01", "surprise", None, "surprise"),
        ("samm", "006", "006_1_2", "fear", "negative", None),
        ("samm", "006", "006_1_2", "other", None, "others"),
        ("samm", "006", "006_1_2", "contempt", "negative", "contempt"),
        ("casme3", "spNO.1", "a", "happy", "positive", "happiness"),
    ],
)
def test_classes_follow_megc_and_each_datasets_own_convention(
    name: str, subject: str, clip: str, emotion: str, three: str | None, five: str | None, tmp_path: Path
) -> None:
    (path,) = labels(name, tmp_path)
    roles = layouts.get(name).books[0].roles
    with edited(path) as book:
        tab = book.worksheets[0]
        header = next(line for line in tab.iter_rows() if roles.subject in [cell.value for cell in line])
        places = {cell.value: cell.column for cell in header}
        for column, value in ((roles.subject, subject), (roles.name, clip), (roles.emotion, emotion)):
            tab.cell(header[0].row + 1, places[column], value)
    row = clips.reader(name, "").read_sheet(path).to_pylist()[0]
    assert row["rejected"] is None
    assert (row["classes"]["3"], row["classes"]["5"]) == (three, five)


FIELD = np.random.default_rng(0).normal(size=(28, 28, 2)).astype(np.float32)


@pytest.mark.parametrize("suffix", fields.SUFFIXES)
def test_a_field_is_read_from_any_of_its_formats(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"field{suffix}"
    if suffix == ".npy":
        np.save(path, FIELD)
    elif suffix == ".npz":
        np.savez(path, flow=FIELD, other=np.zeros(3))
    else:
        header = np.array([202021.25], np.float32).tobytes() + np.array([28, 28], np.int32).tobytes()
        path.write_bytes(header + FIELD.tobytes())
    np.testing.assert_array_equal(fields.read(path), FIELD)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.zeros((28, 28, 3)), r"found an array of shape \(28, 28, 3\)"),
        (np.zeros((8, 28, 2)), "at least 16 × 16"),
        (np.full((28, 28, 2), np.nan), "found values that are not finite"),
        (np.full((28, 28, 2), 3e38, np.float32), "or too large"),
        (np.array(["a"]), "expected numbers"),
        (np.array([object()]), "found no readable field"),
        (b"", "found no readable field"),
        (b"not numpy", "found no readable field"),
    ],
)
def test_what_is_no_field_is_refused(content: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "field.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(DataError, match=said):
        fields.read(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"\x93NUMPY\x01\x00", b""])
@pytest.mark.parametrize("suffix", fields.SUFFIXES)
def test_a_broken_file_is_no_field(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"field{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="found no readable field"):
        fields.read(path)


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("shape", [(28, 28, 2), (40, 28, 2), (300, 200, 2)])
def test_a_field_has_one_size_and_scale_whatever_its_unit(unit: float, shape: tuple[int, int, int]) -> None:
    field = unit * np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = fields.resized(field.astype(np.float32))
    assert max(found.shape[:2]) == fields.SIDE
    assert found.shape[0] / found.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.02)
    assert 1 <= np.hypot(found[..., 0], found[..., 1]).max() < 2


def test_a_still_field_stays_still() -> None:
    assert not fields.resized(np.zeros((28, 28, 2), np.float32)).any()


def test_landmarks_beside_the_fields_take_the_mean_faces_place(tmp_path: Path) -> None:
    (path,) = labels("flow", tmp_path)
    reader: Reader = clips.reader("flow", "")
    before = reader.read_sheet(path).to_pylist()
    assert all("landmarks: the mean face" in row["note"] and row["points"] is None for row in before)
    places = [f"{axis}{number}" for number in range(68) for axis in "xy"]
    own = mean_face.filling((28, 28)).ravel() + 1
    clip = f"{before[0]['subject']}/{before[0]['name']}"
    lines = [",".join(["clip", *places]), ",".join([clip, *map(str, own)])]
    (tmp_path / "landmarks.csv").write_text("\n".join(lines), encoding="utf-8")
    after = reader.read_sheet(path).to_pylist()
    assert "mean face" not in after[0]["note"]
    assert "mean face" in after[1]["note"]
    np.testing.assert_allclose((np.array(after[0]["points"]) + 0.5) * 28 / fields.SIDE - 0.5, own, atol=0.01)
    (tmp_path / "landmarks.csv").write_text("\n".join([lines[0], clip + ",1" * 136]), encoding="utf-8")
    spoiled = reader.read_sheet(path).to_pylist()
    assert spoiled[0]["rejected"].startswith("landmarks.csv, row 2: found ")
    assert [row["rejected"] for row in spoiled[1:]] == [None] * (len(spoiled) - 1)
    for twice, said in (
        (lines[1], "a second time"),
        (lines[1].replace(clip, "sub99/none"), "found sub99/none, expected"),
    ):
        (tmp_path / "landmarks.csv").write_text("\n".join([*lines, twice]), encoding="utf-8")
        with pytest.raises(DataError, match=said):
            reader.read_sheet(path)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", ".", "x\x00y", "a\\b"])
def test_no_name_of_a_sheet_is_a_path(name: str) -> None:
    for pattern in (r"EP\w+", r"[\w+][\w.+ -]*"):
        with pytest.raises(DataError, match="expected a name like"):
            sheet.Line("here", 1, {"Filename": name}).name("Filename", pattern, "EP01_01")


def test_no_folder_is_found_outside_the_root(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "sub01").mkdir(parents=True)
    (tmp_path / "casme2").mkdir()
    with pytest.raises(DataError, match="found a link to"):
        frames.find(tmp_path / "casme2", ["../elsewhere/sub01"])
