"""The commands of README.md and of the pages in docs/, run as they stand there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from dvc.cli import parse_args
from dvc.utils.hydra import apply_overrides
from test_film import write
from typer.testing import CliRunner

from deft import params, tables
from deft.cli import app
from deft.render import films

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
    """What someone has who follows the pages: a run and its commit, a dataset, a video of their own."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(tuned, folder, dirs_exist_ok=True)
    write(folder / "my_video.mp4", list(films.frames(films.plan(77, 4, 5.0), 6)))
    answers = ("data/predictions.parquet", "data/triples.parquet")
    for command in (
        "git init --quiet --initial-branch main", "dvc init --quiet", f"dvc add --quiet {' '.join(answers)}",
        "git config user.name somebody", "git config user.email somebody@example.org",
        "git add .dvc params.yaml metrics data/triples.parquet.dvc data/predictions.parquet.dvc",
        "git commit --quiet --message run", "git branch paper", "git branch paper-2", "git branch my-experiment",
    ):  # fmt: skip
        subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True)
    return folder


def test_there_are_commands() -> None:
    assert len(starting("deft")) > 5
    assert len(starting("dvc")) > 10


@pytest.mark.parametrize("command", starting("deft"))
def test_a_command_of_ours_does_what_it_says(project: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(project)
    words = shlex.split(command)[1:]
    if words[0] in ("doctor", "render"):  # of people few enough for a test
        for name in (name for name in words[1:] if words[0] == "doctor" and not (project / "data/raw" / name).exists()):
            done = CliRunner().invoke(app, ["render", name, "--subjects", "2", "--clips", "1"])
            assert done.exit_code == 0, done.output
        for name in words[1:] if words[0] == "render" else ():
            shutil.rmtree(project / "data/raw" / name, ignore_errors=True)
        words += ["--subjects", "2", "--clips", "1"] if words[0] == "render" else []
    clip = tables.clips(Path("data/triples.parquet"))[0]
    words = [clip if word.startswith("rendered/") else word for word in words]
    done = CliRunner().invoke(app, [*words, "--help"] if words[0] == "demo" else words)  # which does not end by itself
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("command", starting("dvc"))
def test_a_command_of_dvc_is_one_that_it_knows(command: str) -> None:
    parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("command", [each for each in starting("dvc") if " -S " in each])
def test_an_experiment_sets_dials_that_there_are_to_values_that_they_take(command: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    apply_overrides(tmp_path / "params.yaml", parse_args(shlex.split(command)[1:]).set_param)
    changed = params.load(tmp_path / "params.yaml")
    assert changed != params.load(ROOT / "params.yaml")


@pytest.mark.parametrize("command", starting("make"))
def test_make_has_every_target(command: str) -> None:
    done = subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
