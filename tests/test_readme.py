import json
import re
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml
from conftest import ROOT

from deft.cli import app
from deft.core.params import load
from deft.report import table

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split(" #")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.S)
    for line in block.splitlines()
]


def unless_changed(path: str) -> None:
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", path], cwd=ROOT, capture_output=True)
    if changed.returncode == 1:
        pytest.skip(f"{path} differs from the last commit: `make readme` puts its figures into README.md")


@pytest.mark.parametrize("name", re.findall(r"<!-- (\w+) -->", README))
def test_a_table_is_that_of_its_figures(name: str) -> None:
    unless_changed("bench/results.json" if name == table.BENCH else "metrics")
    assert table.put(README, name, table.written(name, ROOT / "metrics", ROOT / "bench" / "results.json")) == README


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_every_make_target_exists(command: str) -> None:
    assert f"\n{command.split()[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("deft ")])
def test_the_command_line_knows_what_the_readme_says(command: str) -> None:
    _, name, *words = command.split()
    assert {word for word in words if word.startswith("--")} <= options(name)


def test_the_command_line_knows_the_options_between_the_lines() -> None:
    said = re.findall(r"`(--[a-z]+)`", README)
    assert said
    assert set(said) <= options("predict")


def options(name: str) -> set[str]:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    return {spelt for option in command.params for spelt in option.opts}


@pytest.mark.parametrize("dial", re.findall(r"-S '?([a-z.]+)=", README))
def test_every_dial_exists(dial: str) -> None:
    found = load(ROOT / "params.yaml")
    for name in dial.split("."):
        found = getattr(found, name)


def test_every_link_and_named_folder_exists() -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_every_figure_of_a_run_is_explained() -> None:
    page = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
    loso = json.loads((ROOT / "metrics" / "loso.json").read_text(encoding="utf-8"))
    figures = {key for group in ("emotion", "generated", "au", "text", "shuffled") for key in loso[group]}
    names = {key.removesuffix("_low").removesuffix("_high") for key in (figures | set(loso)) - {"n"}}
    assert sorted(name for name in names if f"`{name}`" not in page) == []


def test_every_stage_is_described() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    rows = " ".join(line.split("|")[1] for line in README.splitlines() if line.startswith("| `"))
    assert [name for name in stages if f"`{name}`" not in rows] == []
    assert {path.stem for path in Path(ROOT / "pipeline").glob("[a-z]*.py")} - {"stage"} == set(stages)
