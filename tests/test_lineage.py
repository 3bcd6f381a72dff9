"""What DVC runs again after a change: the project's own dvc.yaml and parameters, with stages that write hashes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT


def run(folder: Path, *words: str) -> str:
    """Run Git or DVC in a copy of the project, where ``python`` is the stand-in for stages."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = (sys.executable, "-m", *words) if words[0] == "dvc" else words
    environment = os.environ | {"PATH": path, "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ran(folder: Path) -> list[str]:
    """Return the stages that ran since this was last called."""
    path = folder / "ran"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return sorted(lines)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of this project in which every stage has run."""
    folder = tmp_path_factory.mktemp("whole")
    for name in ("src", "pipeline"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/stand_in.py" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    with (folder / ".gitignore").open("a", encoding="utf-8") as ignored:
        ignored.write("/bin/\n/ran\n")
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    run(folder, "git", "config", "user.name", "somebody")
    run(folder, "git", "config", "user.email", "somebody@example.org")
    run(folder, "dvc", "init", "--quiet")
    run(folder, "dvc", "repro", "--quiet")
    run(folder, "git", "add", ".")
    run(folder, "git", "commit", "--quiet", "--message", "run")
    return folder


@pytest.fixture
def project(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to be changed."""
    folder = tmp_path / "project"
    shutil.copytree(whole, folder, symlinks=True)
    (folder / "ran").unlink()
    return folder


def insert(path: Path, line: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")


def test_every_stage_runs_once_and_then_none(whole: Path, project: Path) -> None:
    lines = (whole / "ran").read_text(encoding="utf-8").splitlines()
    assert len(set(lines)) == len(lines)
    assert {line.split()[0] for line in lines} == {path.stem for path in (ROOT / "pipeline").glob("[a-z]*.py")} - {
        "stage"
    }
    run(project, "dvc", "repro")
    assert ran(project) == []


def test_a_docstring_in_core_runs_nothing_again(project: Path) -> None:
    for path in (project / "src" / "deft" / "core").glob("*.py"):
        insert(path, '\n"""Another docstring."""\n')
    run(project, "dvc", "repro")
    assert ran(project) == []


def test_features_of_the_same_bytes_run_nothing_after_them(project: Path) -> None:
    insert(project / "pipeline" / "features.py", "\n# another comment\n")
    run(project, "dvc", "repro")
    assert ran(project) == [f"features rendered {expert}" for expert in ("field", "motion", "structure", "texture")]


def test_another_rank_runs_the_tuning_and_what_follows_it(project: Path) -> None:
    run(project, "dvc", "exp", "run", "--set-param", "lora.rank=16", "--name", "rank-16")
    assert ran(project) == ["evaluate", "finetune deft", "predict deft"]


def test_what_differs_between_experiments_fits_a_terminal(project: Path) -> None:
    run(project, "dvc", "exp", "run", "--set-param", "lora.rank=16", "--name", "rank-16")
    for words in (("metrics", "diff"), ("exp", "show", "--only-changed", "--drop", "[a-z]+/|Created")):
        shown = run(project, "dvc", *words)
        assert all(name in shown for name in ("head_uf1", "text_uf1", "au_f1", "evidence_f1")), shown
        assert max(len(line) for line in shown.splitlines()) <= 120, shown
