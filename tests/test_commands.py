"""The commands of README.md and of the pages in docs/, run as they stand there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from dvc.cli import parse_args
from dvc.utils.hydra import apply_overrides
from test_compare import command
from test_video import write
from typer.testing import CliRunner

from deft.cli import app
from deft.core import params, tables
from deft.render import standins, videos

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = sorted(
    {
        line.split(" #")[0].strip()
        for page in PAGES
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
        for line in block.replace("\\\n", " ").splitlines()
    }
)


def starting(word: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(f"{word} ")]


@pytest.fixture(scope="module")
def project(tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What someone has who follows the pages: a run and its commit, datasets, a video of their own."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(tuned, folder, dirs_exist_ok=True)
    write(folder / "my_video.mp4", list(videos.frames(videos.plan(77, 4, 5.0), 6)))
    for name in {said.split()[2] for said in starting("deft") if re.match(r"deft doctor \w", said)}:
        standins.write("flow" if name == "mine" else name, folder / "data" / "raw" / name, 5, 3, 1, 1)
    apply_overrides(folder / "params.yaml", ["+index.formats.mine=flow"])
    for words in (
        "git init --quiet --initial-branch main", "dvc init --quiet",
        "dvc add --quiet data/predictions/deft.parquet data/triples.parquet",
        "git config user.name somebody", "git config user.email somebody@example.org",
        "git add .dvc params.yaml data/triples.parquet.dvc data/predictions/deft.parquet.dvc",
        "git commit --quiet --message run", "git branch paper", "git branch paper-2", "git branch my-experiment",
    ):  # fmt: skip
        command(folder, *words.split())
    return folder


def test_there_are_commands() -> None:
    assert len(starting("deft")) > 5
    assert len(starting("dvc")) > 10


@pytest.mark.parametrize("said", starting("deft"))
def test_a_command_of_ours_does_what_it_says(project: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.chdir(project)
    clip = tables.clips(Path("data/triples.parquet"))[0]
    words = [clip if word.startswith("rendered/") else word for word in shlex.split(said)[1:]]
    if words[0] == "render":
        for name in words[1:]:
            shutil.rmtree(project / "data" / "raw" / name, ignore_errors=True)
        words += ["--subjects", "2", "--clips", "1"]
    done = CliRunner().invoke(app, [*words, "--help"] if words[0] == "demo" else words)  # which does not end by itself
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("said", starting("dvc"))
def test_a_command_of_dvc_is_one_that_it_knows(said: str) -> None:
    parse_args(shlex.split(said)[1:])


@pytest.mark.parametrize("said", [each for each in starting("dvc") if " -S " in each])
def test_an_experiment_sets_dials_that_there_are_to_values_that_they_take(said: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    apply_overrides(tmp_path / "params.yaml", parse_args(shlex.split(said)[1:]).set_param)
    changed = params.load(tmp_path / "params.yaml")
    assert changed != params.load(ROOT / "params.yaml")


@pytest.mark.parametrize("said", starting("make"))
def test_make_has_every_target(said: str) -> None:
    command(ROOT, *said.split(), "--dry-run")
