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
# `make readme` fills the tables of these pages.
FILLED = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/results.md")}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "data/README.md", ROOT / "models/README.md"]
COMMANDS = [
    line.split(" #")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.S)
    for line in block.splitlines()
]


def unless_changed(path: str) -> None:
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", path], cwd=ROOT, capture_output=True)
    if changed.returncode == 1:
        pytest.skip(f"{path} differs from the last commit: `make readme` puts its figures into the pages")


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page, text in FILLED.items() for name in re.findall(r"<!-- (\w+) -->", text)]
)
def test_a_table_is_that_of_its_figures(page: str, name: str) -> None:
    unless_changed("bench/results.json" if name in table.MEASURED else "metrics")
    written = table.written(name, ROOT / "metrics", ROOT / "bench" / "results.json")
    assert table.put(FILLED[page], name, written) == FILLED[page]


def test_every_table_is_on_one_page() -> None:
    marks = [name for text in FILLED.values() for name in re.findall(r"<!-- (\w+) -->", text)]
    assert sorted(marks) == sorted([table.RESULTS, table.TEXT, table.EXPERTS, table.ABLATIONS, *table.MEASURED])


def test_make_readme_fills_every_page_with_tables() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"python -m deft\.report\.table (\S+) metrics", makefile) == list(FILLED)


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


@pytest.mark.parametrize("parameter", sorted({*re.findall(r"-S '?([a-z_.]+)=", "".join(FILLED.values()))}))
def test_every_parameter_exists(parameter: str) -> None:
    found = load(ROOT / "params.yaml")
    for name in parameter.split("."):
        found = getattr(found, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, heading in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.M)
            assert heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]


def test_every_package_and_module_is_in_the_layout() -> None:
    layout = re.search(r"## Layout\n\n```\n(.*?)```", README, re.S)
    assert layout
    here = [path for path in (ROOT / "src" / "deft").iterdir() if not path.name.startswith("_")]
    parts = [path for path in here if path.is_file() or any(path.glob("*.py"))]  # not what a moved package left behind
    names = {f"{path.name}/" if path.is_dir() else path.name for path in parts}
    assert names <= set(layout[1].split())


def test_every_figure_of_a_run_is_explained() -> None:
    page = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
    loso = json.loads((ROOT / "metrics" / "loso.json").read_text(encoding="utf-8"))
    figures = {key for group in ("emotion", "generated", "au", "text", "shuffled") for key in loso[group]}
    names = {key.removesuffix("_low").removesuffix("_high") for key in (figures | set(loso)) - {"n"}}
    assert sorted(name for name in names if f"`{name}`" not in page) == []


def test_every_stage_is_described() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    page = (ROOT / "docs" / "how.md").read_text(encoding="utf-8")
    rows = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert [name for name in stages if f"`{name}`" not in rows] == []
    assert {path.stem for path in Path(ROOT / "pipeline").glob("[a-z]*.py")} - {"stage"} == set(stages)
