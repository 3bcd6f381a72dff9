"""Datasets of their full size, in empty files: counts, the composite of MEGC 2019, and what a checkup says."""

import csv
from pathlib import Path

import openpyxl
import pytest
from conftest import ROOT, edited
from typer.testing import CliRunner

from deft import cli
from deft.core.errors import DataError
from deft.datasets import FORMATS, checkup, clips, corrections
from deft.render import layouts

CASME2 = {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25, "sadness": 7, "fear": 2}
SAMM = {
    "Anger": 57, "Other": 26, "Happiness": 26, "Surprise": 15, "Contempt": 12, "Disgust": 9, "Fear": 8, "Sadness": 6,
}  # fmt: skip
SMIC = {"negative": ("ne", 70), "positive": ("po", 51), "surprise": ("sur", 43)}
OF_SUB24 = ("EP07_01", "EP07_04f", "EP10_03")
MEMBERS = {
    "casme2": {"negative": 88, "positive": 32, "surprise": 25},
    "samm": {"negative": 92, "positive": 26, "surprise": 15},
    "smic": {"negative": 70, "positive": 51, "surprise": 43},
}


def dealt(counts: dict[str, int]) -> list[str]:
    return [word for word, count in counts.items() for _ in range(count)]


def casme2(root: Path, year: int) -> None:
    """255 clips of one frame; the labels of 2019 differ from those of 2014 in three."""
    words = dealt(CASME2)
    special = {("04", "EP12_01f"): "disgust", ("05", "EP09_05f"): "disgust"}
    special |= {("24", name): "sadness" for name in OF_SUB24}
    for word in special.values():
        words.remove(word)
    rows = [(*who, word) for who, word in special.items()]
    rows += [(f"{1 + number % 26:02d}", f"EP{number:03d}_01", word) for number, word in enumerate(words)]
    columns = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"]
    lines: list[list[object]] = [[*columns, *["Objective Classes"][: year == 2019]]]
    for subject, name, word in rows:
        changed = "surprise" if year == 2019 and (subject, name) in [("24", each) for each in OF_SUB24] else word
        lines.append([subject, name, 1, 1, 1, 4, changed, *[3][: year == 2019]])
        frame(root / "CASME2-RAW" / f"sub{subject}" / name / "img1.jpg")
    save(root / f"CASME2-coding-{20140508 if year == 2014 else 20190701}.xlsx", lines)


def samm(root: Path) -> None:
    columns = [column for column in layouts.get("samm").books[0].columns if column]
    lines: list[list[object]] = [list(columns)]
    for number, word in enumerate(dealt(SAMM)):
        subject = f"{1 + number % 29:03d}"
        name = f"{subject}_1_{number}"
        lines.append([subject, name, 1, 7, 7, 7, 1, "Micro - 1/2", "4", word, 3, None])
        frame(root / "SAMM" / subject / name / f"{subject}_00007.jpg")
    save(root / "SAMM_Micro_FACS_Codes_v2.xlsx", lines)


def smic(root: Path) -> None:
    number = 0
    for word, (token, count) in SMIC.items():
        for _ in range(count):
            subject, number = 1 + number % 16, number + 1
            frame(root / "HS" / f"s{subject}" / "micro" / word / f"s{subject}_{token}_{number}" / "image000001.bmp")


def frame(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def save(path: Path, lines: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    for line in lines:
        book.worksheets[0].append(line)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder with the three datasets of MEGC 2019 under data/raw/."""
    root = tmp_path_factory.mktemp("project")
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    casme2(root / "data" / "raw" / "casme2", 2014)
    samm(root / "data" / "raw" / "samm")
    smic(root / "data" / "raw" / "smic")
    return root


@pytest.mark.parametrize("name", MEMBERS)
def test_the_composite_has_its_members(name: str, whole: Path) -> None:
    report = clips.report(clips.read(whole / "data" / "raw" / name, name, name))
    assert report["composite"] == MEMBERS[name]
    assert report["composite_expected"] == sum(MEMBERS[name].values())


def test_the_composite_is_that_of_2014_whichever_sheet_is_there(tmp_path: Path) -> None:
    casme2(tmp_path, 2019)
    assert clips.report(clips.read(tmp_path, "casme2", "casme2"))["composite"] == MEMBERS["casme2"]


@pytest.mark.parametrize("name", MEMBERS)
def test_nothing_is_wrong_with_a_whole_dataset(name: str, whole: Path) -> None:
    found = checkup.examine(whole / "data" / "raw" / name, name, name, corrections=True)
    assert [check for check in found.checks if not check.passed] == []
    assert found.passed


@pytest.fixture
def here(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line, run in a folder with a part of CASME II and nothing else."""
    (tmp_path / "params.yaml").write_text((whole / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    casme2(tmp_path / "data" / "raw" / "casme2", 2014)
    (tmp_path / "data" / "raw" / "casme2" / "CASME2-RAW" / "sub24" / "EP07_01" / "img1.jpg").unlink()
    (tmp_path / "data" / "raw" / "odd").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


def test_doctor_tells_what_is_there_and_what_is_not(here: CliRunner) -> None:
    done = here.invoke(cli.app, ["doctor"])
    assert done.exit_code == 0
    assert "254 of 255" in done.output
    assert "odd: data/raw/odd: found the format odd, expected one of casme2, samm" in done.output
    assert "Not there: samm, smic, casme3" in done.output


def test_doctor_tells_of_one_dataset_why_a_row_cannot_be_used(here: CliRunner) -> None:
    done = here.invoke(cli.app, ["doctor", "casme2"])
    assert done.exit_code == 0
    assert "casme2/sub24/EP07_01" in done.output
    assert "found no frames, expected some in CASME2-RAW/sub24/EP07_01 or" in " ".join(done.output.split())
    assert "145" in done.output


def test_doctor_shows_a_cell_as_it_is_whatever_brackets_it_has(here: CliRunner) -> None:
    (path,) = Path("data/raw/casme2").glob("*.xlsx")
    with edited(path) as book:
        book.worksheets[0].cell(2, 7, "[/happiness]")
    done = here.invoke(cli.app, ["doctor", "casme2"])
    assert done.exit_code == 0
    assert 'found "[/happiness]"' in " ".join(done.output.split())


def test_doctor_says_what_to_do_about_a_dataset_that_is_not_there(here: CliRunner) -> None:
    done = here.invoke(cli.app, ["doctor", "samm"])
    assert done.exit_code == cli.UNUSABLE
    assert "data/raw/samm: found no such folder" in done.output


def test_a_stand_in_is_written_and_never_takes_a_datasets_place(here: CliRunner) -> None:
    done = here.invoke(cli.app, ["render", "flow", "--subjects", "2", "--clips", "2"])
    assert done.exit_code == 0, done.output
    assert len(clips.read(Path("data/raw/flow"), "flow", "flow").clips) == 4
    for name in ("flow", "casme2"):
        again = here.invoke(cli.app, ["render", name])
        assert again.exit_code == cli.UNUSABLE
        assert "a stand-in never takes a dataset's place" in again.output
    assert sorted(path.name for path in Path("data/raw").iterdir()) == ["casme2", "flow", "odd"]


def test_a_stand_in_of_a_layout_that_is_none_is_refused(here: CliRunner) -> None:
    assert "expected one of casme2, samm" in here.invoke(cli.app, ["render", "megc"]).output


@pytest.mark.parametrize("name", FORMATS)
def test_a_page_tells_where_to_put_a_dataset_and_what_it_holds(name: str) -> None:
    page = (ROOT / "docs" / "datasets" / f"{name}.md").read_text(encoding="utf-8")
    assert f"data/raw/{name}/" in page or name == "flow"
    assert f"]({name}.md)" in (ROOT / "docs" / "datasets" / "README.md").read_text(encoding="utf-8")
    for source in clips.reader(name, "").SOURCES:
        for file in source.files:
            assert file.split("*")[0] in page, file
        if source.totals:
            counts = (source.totals.clips, *source.totals.emotions.values(), source.totals.composite)
            assert all(str(count) in page for count in counts if count), counts
    for each in corrections.known():
        if each.dataset == name:
            assert each.clip.split("/")[1].split("_")[0] in page, each


def test_the_corrections_are_a_table() -> None:
    with (ROOT / "src" / "deft" / "datasets" / "corrections.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(corrections.known()) > 0


def test_a_dataset_that_is_another_is_said_to_be(whole: Path) -> None:
    with pytest.raises(DataError, match="found no label sheet, expected SAMM_Micro_FACS_Codes"):
        checkup.examine(whole / "data" / "raw" / "casme2", "samm", "samm", corrections=True)
