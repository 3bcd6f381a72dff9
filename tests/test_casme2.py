import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from deft.core import schemas, tables
from deft.core.errors import DataError
from deft.datasets import casme2, clips, frames

OLD, NEW = "CASME2-coding-20140508.xlsx", "CASME2-coding-20190701.xlsx"
HEADER = [
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units"),
    "Estimated Emotion",
]
# Subject, Filename, onset, apex, offset, Action Units, emotion: the traps of the real sheet.
GOOD: list[list[Any]] = [
    ["01", "EP02_01f", 46, 59, 86, "4+L10", "happiness"],
    ["01", "EP03_02", 1, 2, 3, 12, "Happiness"],
    ["01", "EP01_5", 8, 10, 12, 12.0, "others"],
    ["04", "EP12_01f", 261, "/", 321, "?", "others"],  # the apex that is missing
    ["05", "EP09_05f", 13, 13, 20, "R6+R12", "sadness"],  # apex = onset
    ["05", "EP16_04f", 3, 9, 9, None, "disgust"],  # apex = offset
    ["06", "EP06_02_01", 7, 9, 11, "4+9+R14 ", "repression"],
    ["07", "EP09f", 5, 6, 7, "AU4(k)", "fear"],
]
BAD: dict[str, tuple[list[Any], str]] = {
    "ApexFrame": (["08", "EP01_01", 10, 5, 20, 4, "disgust"], "onset 10, apex 5, offset 20"),
    "OffsetFrame": (["08", "EP01_02", 10, 15, None, 4, "disgust"], "an empty cell"),
    "OnsetFrame": (["08", "EP01_03", "soon", 15, 20, 4, "disgust"], '"soon"'),
    "Filename": (["08", None, 10, 15, 20, 4, "disgust"], "an empty cell"),
    "Subject": ([None, "EP01_04", 10, 15, 20, 4, "disgust"], "an empty cell"),
    "Estimated Emotion": (["08", "EP01_05", 10, 15, 20, 4, None], "an empty cell"),
}


LEFT_OUT = "MEGC 2019 leaves this clip out"


def cells(row: list[Any]) -> list[Any]:
    return [*row[:2], None, *row[2:5], None, *row[5:]]


def workbook(path: Path, *rows: list[Any], header: list[Any] = HEADER, before: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Sheet1"
    for title in ("Sheet2", "Sheet3"):
        book.create_sheet(title)
    for line in [*[["a title"]] * before, header, *rows]:
        sheet.append(line)
    book.save(path)
    return path


def read(path: Path) -> list[tables.Row]:
    found: list[tables.Row] = casme2.read_sheet(path).to_pylist()
    return found


@pytest.fixture
def sheet(tmp_path: Path) -> dict[str, tables.Row]:
    return {row["name"]: row for row in read(workbook(tmp_path / OLD, *map(cells, GOOD)))}


def dataset(root: Path, *rows: list[Any], tree: str = "CASME2-RAW", prefix: str = "") -> Path:
    """A dataset's folder with its sheet and an empty file for every frame."""
    workbook(root / OLD, *map(cells, rows))
    for subject, name, onset, _, offset, *_ in rows:
        folder = root / tree / f"sub{subject}" / str(name)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(onset, offset + 1):
            (folder / f"{prefix}img{number}.jpg").touch()
    return root


def test_the_table_is_a_sheets(tmp_path: Path) -> None:
    assert casme2.read_sheet(workbook(tmp_path / OLD, *map(cells, GOOD))).schema == schemas.SHEET


def test_every_good_row_is_kept(sheet: dict[str, tables.Row]) -> None:
    assert [(name, row["rejected"]) for name, row in sheet.items()] == [(row[1], None) for row in GOOD]


def test_subjects_are_named_as_their_folders(sheet: dict[str, tables.Row]) -> None:
    assert sorted({row["subject"] for row in sheet.values()}) == ["sub01", "sub04", "sub05", "sub06", "sub07"]


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("EP02_01f", [(4, None), (10, "L")]),
        ("EP03_02", [(12, None)]),
        ("EP01_5", [(12, None)]),
        ("EP12_01f", []),
        ("EP09_05f", [(6, "R"), (12, "R")]),
        ("EP16_04f", []),
        ("EP06_02_01", [(4, None), (9, None), (14, "R")]),
    ],
)
def test_unit_cells_may_be_text_or_numbers(
    sheet: dict[str, tables.Row], name: str, units: list[tuple[int, str | None]]
) -> None:
    assert [(au["unit"], au["side"]) for au in sheet[name]["aus"]] == units


def test_a_static_unit_is_marked(sheet: dict[str, tables.Row]) -> None:
    assert [au["static"] for au in sheet["EP09f"]["aus"]] == [True]


def test_an_apex_that_is_missing_becomes_the_middle_and_the_note_says_so(sheet: dict[str, tables.Row]) -> None:
    row = sheet["EP12_01f"]
    assert (row["onset"], row["apex"], row["offset"]) == (261, 291, 321)
    assert "ApexFrame: the sheet has none, the middle of onset and offset is used" in row["note"]


@pytest.mark.parametrize(("name", "apex"), [("EP09_05f", 13), ("EP16_04f", 9)])
def test_an_apex_may_be_the_onset_or_the_offset(sheet: dict[str, tables.Row], name: str, apex: int) -> None:
    assert sheet[name]["apex"] == apex
    assert "apex" not in sheet[name]["note"].lower()


def test_emotions_are_the_datasets_own_words_in_small_letters(sheet: dict[str, tables.Row]) -> None:
    assert sheet["EP03_02"]["emotion"] == "happiness"
    assert sheet["EP03_02"]["coarse"] == "positive"
    assert sheet["EP12_01f"]["coarse"] == "others"


@pytest.mark.parametrize("column", BAD)
def test_a_bad_row_tells_sheet_row_and_column_and_what_was_found(tmp_path: Path, column: str) -> None:
    row, found = BAD[column]
    rejected = read(workbook(tmp_path / OLD, *map(cells, [GOOD[0], row, GOOD[1]])))
    reasons = [row["rejected"] for row in rejected]
    assert reasons[0] is reasons[2] is None
    assert reasons[1].startswith(f"{OLD}, Sheet1, row 3, {column}: found {found}, expected ")


def test_the_sheet_of_2019_adds_objective_classes(tmp_path: Path) -> None:
    path = workbook(tmp_path / NEW, [*cells(GOOD[0]), 3], header=[*HEADER, "Objective Classes"])
    assert read(path)[0]["objective"] == 3


def test_without_objective_classes_the_units_tell_them_and_the_note_says_so(sheet: dict[str, tables.Row]) -> None:
    assert sheet["EP09_05f"]["objective"] == 1
    assert sheet["EP09_05f"]["note"] == f"{LEFT_OUT}; objective class 1: from the units, the sheet has none"
    assert sheet["EP16_04f"]["objective"] is None


def test_a_header_may_stand_lower_and_empty_rows_are_no_clips(tmp_path: Path) -> None:
    rows = [cells(GOOD[0]), [None] * 9, cells(GOOD[1])]
    assert [row["row"] for row in read(workbook(tmp_path / OLD, *rows, before=2))] == [4, 6]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    header = [name for name in HEADER if name != "ApexFrame"]
    with pytest.raises(DataError, match=rf"{OLD}: found no column ApexFrame, expected the columns Subject"):
        read(workbook(tmp_path / OLD, header=header))


def test_a_missing_sheet_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no such file, expected a label sheet"):
        read(tmp_path / OLD)


@pytest.mark.parametrize("content", [b"", b"Subject,Filename\n", b"PK\x03\x04 not a zip"])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / OLD).write_bytes(content)
    with pytest.raises(DataError, match=r"found no readable workbook \(.*\), expected an \.xlsx or \.xls label sheet"):
        read(tmp_path / OLD)


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "folder")
    Path(archive).rename(tmp_path / OLD)
    with pytest.raises(DataError, match="found no readable workbook"):
        read(tmp_path / OLD)


def test_frames_are_sorted_as_numbers(tmp_path: Path) -> None:
    root = dataset(tmp_path, ["01", "EP01_5", 8, 10, 12, 12, "others"])
    found = frames.find(root, ["CASME2-RAW/sub01/EP01_5"])
    assert list(found) == [8, 9, 10, 11, 12]
    assert found[10] == "CASME2-RAW/sub01/EP01_5/img10.jpg"


@pytest.mark.parametrize(
    ("tree", "prefix"), [("CASME2-RAW", ""), ("CASME2_RAW_selected", ""), ("Cropped", "reg_"), ("Cropped", "")]
)
def test_frames_lie_in_any_of_the_known_trees(tmp_path: Path, tree: str, prefix: str) -> None:
    root = dataset(tmp_path, GOOD[0], tree=tree, prefix=prefix)
    found = clips.read(root, "casme2", "casme2").clips[0]
    assert found["frames"][0] == f"{tree}/sub01/EP02_01f/{prefix}img46.jpg"


def test_other_files_beside_frames_are_left_alone(tmp_path: Path) -> None:
    root = dataset(tmp_path, GOOD[1])
    for name in ("Thumbs.db", "img2.txt", "img.jpg", "._img1.jpg"):
        (root / "CASME2-RAW" / "sub01" / "EP03_02" / name).touch()
    assert list(frames.find(root, ["CASME2-RAW/sub01/EP03_02"])) == [1, 2, 3]


def test_positions_count_from_the_first_frame_there(tmp_path: Path) -> None:
    root = dataset(tmp_path, GOOD[0])
    clip = clips.read(root, "casme2", "casme2").clips[0]
    assert [clip[name] for name in ("onset", "apex", "offset", "fps")] == [0, 13, 40, 200.0]
    assert clip["frames"][clip["apex"]].endswith("img59.jpg")
    assert clip["clip"] == "casme2/sub01/EP02_01f"


@pytest.mark.parametrize("frame", ["onset", "apex", "offset"])
def test_a_missing_frame_rejects_its_clip_alone(tmp_path: Path, frame: str) -> None:
    root = dataset(tmp_path, GOOD[0], GOOD[1])
    number = {"onset": 46, "apex": 59, "offset": 86}[frame]
    (root / "CASME2-RAW" / "sub01" / "EP02_01f" / f"img{number}.jpg").unlink()
    found = clips.read(root, "casme2", "casme2")
    assert [clip["name"] for clip in found.clips] == ["EP03_02"]
    ((where, reason),) = found.rejected.items()
    assert where == f"{OLD}, row 2, casme2/sub01/EP02_01f"
    assert f"expected frame {number}, the {frame}; restore it or correct the sheet" in reason


def test_a_missing_folder_rejects_its_clip_alone(tmp_path: Path) -> None:
    root = dataset(tmp_path, GOOD[0], GOOD[1])
    shutil.rmtree(root / "CASME2-RAW" / "sub01" / "EP02_01f")
    found = clips.read(root, "casme2", "casme2")
    assert [clip["name"] for clip in found.clips] == ["EP03_02"]
    assert "CASME2-RAW/sub01/EP02_01f or CASME2_RAW_selected/sub01/EP02_01f" in next(iter(found.rejected.values()))


def test_an_empty_folder_rejects_its_clip(tmp_path: Path) -> None:
    root = dataset(tmp_path, GOOD[0])
    for frame in (root / "CASME2-RAW" / "sub01" / "EP02_01f").iterdir():
        frame.unlink()
    assert "found no frames, expected some in CASME2-RAW/sub01/EP02_01f or" in next(
        iter(clips.read(root, "casme2", "casme2").rejected.values())
    )


def test_a_clip_listed_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    found = clips.read(dataset(tmp_path, GOOD[0], GOOD[1], GOOD[0]), "casme2", "casme2")
    assert len(found.clips) == 2
    assert [where.split(", ")[1] for where in found.rejected] == ["row 4"]
    assert "this clip a second time" in next(iter(found.rejected.values()))


def test_rows_are_clips_or_rejected(tmp_path: Path) -> None:
    bad = [row for row, _ in BAD.values()]
    root = dataset(tmp_path, *GOOD, GOOD[0], GOOD[1])
    workbook(root / OLD, *map(cells, [*GOOD, *bad, GOOD[0], GOOD[1]]))
    found = clips.read(root, "casme2", "casme2")
    assert len(found.clips) == len(GOOD)
    assert len(found.clips) + len(found.rejected) == len(GOOD) + len(bad) + 2


def test_clips_are_sorted_by_their_key(tmp_path: Path) -> None:
    keys = [clip["clip"] for clip in clips.read(dataset(tmp_path, *GOOD[::-1]), "casme2", "casme2").clips]
    assert keys == sorted(keys)


def test_the_newer_sheet_is_preferred(tmp_path: Path) -> None:
    root = dataset(tmp_path, GOOD[0])
    workbook(root / NEW, [*cells([*GOOD[0][:6], "surprise"]), 2], header=[*HEADER, "Objective Classes"])
    assert clips.read(root, "casme2", "casme2").clips[0]["emotion"] == "surprise"


def test_a_dataset_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no such folder, expected the dataset casme2") as caught:
        clips.read(tmp_path / "casme2", "casme2", "casme2")
    assert "take casme2 out of `datasets` in params.yaml" in str(caught.value)


def test_a_dataset_without_its_sheet_says_which(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"found no label sheet, expected CASME2-coding-20190701\.xls. or CASME2-coding-2014"
    ):
        clips.read(tmp_path, "casme2", "casme2")
