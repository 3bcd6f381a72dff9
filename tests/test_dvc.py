import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, in_browser
from playwright.sync_api import Browser

from deft.core import tables
from deft.score import summary

CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, dict[str, Any]] = CONTENT["stages"]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
PACKAGES = {"deft": ROOT / "src" / "deft", "pipeline": ROOT / "pipeline"}
# Where work is done and how failures end does not change a result; a matrix puts its items into the command.
FREE = {"engine", "jobs", "gpus_per_job", "strict"}
# Modules that cannot change a result: where things lie, how work is spread, how tables are written, how failures end.
PLUMBING = [
    ROOT / "src/deft/core",
    ROOT / "src/deft/__init__.py",
    ROOT / "pipeline/__init__.py",
    ROOT / "pipeline/stage.py",
]


# What each stage uses of a family: what trains, or what answers.
FAMILY = {
    "finetune": ("__init__.py", "model.py", "store.py", "training"),
    "predict": ("__init__.py", "model.py", "store.py", "answering"),
}


def family_folders() -> list[Path]:
    return [PACKAGES["deft"] / "models" / family for family in PARAMS["families"]]


def module(name: str) -> Path | None:
    """The file of a first-party module; None: not ours."""
    first, *rest = name.split(".")
    if first not in PACKAGES:
        return None
    path = PACKAGES[first].joinpath(*rest)
    found = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in found if file.is_file()), None)


def nodes(file: Path) -> Iterator[ast.AST]:
    """A file's nodes, less what only type checkers read, and less what functions of some ``__init__`` import.

    No stage calls ``deft.predict``; which of a family's functions a stage calls stands in `FAMILY`.
    """
    todo: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    lazy = file in {PACKAGES["deft"] / "__init__.py", *(folder / "__init__.py" for folder in family_folders())}
    while todo:
        node = todo.pop()
        unused = lazy and isinstance(node, ast.FunctionDef)
        if not unused and not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            todo += ast.iter_child_nodes(node)


@cache
def imported(file: Path) -> frozenset[Path]:
    """First-party files that a file imports, packages' ``__init__`` included."""
    names: set[str] = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    with_parents = {
        ".".join(parts[:n]) for parts in (name.split(".") for name in names) for n in range(1, len(parts) + 1)
    }
    return frozenset(found for name in with_parents if (found := module(name)))


def closure(files: set[Path]) -> set[Path]:
    seen: set[Path] = set()
    while files - seen:
        file = (files - seen).pop()
        seen.add(file)
        files = files | imported(file)
    return seen


def dependencies(stage: str) -> list[Path]:
    return [ROOT / dep.replace("${item.family}", PARAMS["families"][0]) for dep in STAGES[stage]["deps"]]


def covered(file: Path, deps: list[Path]) -> bool:
    return any(dep == file or dep in file.parents for dep in deps)


def idle(file: Path) -> bool:
    """Whether a file is plumbing, or a package's ``__init__`` that holds nothing but its docstring."""
    return covered(file, PLUMBING) or (file.name == "__init__.py" and len(ast.parse(file.read_text()).body) == 1)


def code(stage: str) -> list[Path]:
    """The first-party files and folders among a stage's dependencies."""
    return [dep for dep in dependencies(stage) if dep.relative_to(ROOT).parts[0] in ("src", "pipeline")]


@cache
def used(stage: str) -> frozenset[Path]:
    """First-party files that a stage uses; of a folder that it depends on and uses in part, every file counts."""
    seen, files = set[Path](), {ROOT / "pipeline" / f"{stage}.py"}
    for part in FAMILY.get(stage, ()):  # imported by its name, which no import statement shows
        for folder in family_folders():
            files |= {folder / part} if part.endswith(".py") else set((folder / part).rglob("*.py"))
    while files != seen:
        seen = closure(files)
        folders = [dep for dep in code(stage) if dep.is_dir() and any(covered(file, [dep]) for file in seen)]
        files = seen | {file for folder in folders for file in folder.rglob("*.py")}
    return frozenset(seen)


def sections(stage: str) -> set[str]:
    """Sections of params.yaml that a stage's script reads: ``params.X``, ``stage.load().X``."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "pipeline" / f"{stage}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in PARAMS:
            owner = node.value
            loaded = isinstance(owner, ast.Call) and ast.unparse(owner.func) in ("stage.load", "load")
            if loaded or (isinstance(owner, ast.Name) and owner.id == "params"):
                found.add(node.attr)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "stage.features":
            found |= {"experts", "datasets"}
    return found


def listed(stage: str) -> set[str]:
    """Sections of params.yaml of which a stage depends on a key, or on all."""
    return {name.split(".")[0] for name in STAGES[stage].get("params", [])}


def outputs(stage: str) -> list[str]:
    entries = [*STAGES[stage].get("outs", []), *STAGES[stage].get("metrics", [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def test_every_script_is_a_stage_and_every_stage_a_script() -> None:
    scripts = {path.stem for path in (ROOT / "pipeline").glob("[a-z]*.py")} - {"stage"}
    assert set(STAGES) == scripts


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_says_what_it_does_and_runs_its_script(stage: str) -> None:
    assert STAGES[stage]["desc"].endswith(".")
    assert STAGES[stage]["cmd"].split()[:4] == ["python", "-m", "pipeline", stage]


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_a_stage_uses_is_a_dependency(stage: str) -> None:
    needed = [file for file in used(stage) if not idle(file)]
    assert [str(file) for file in sorted(needed) if not covered(file, dependencies(stage))] == []


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_waits_for_plumbing(stage: str) -> None:
    assert [str(dep) for dep in code(stage) if covered(dep, PLUMBING)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_among_the_dependencies_is_there(stage: str) -> None:
    assert [str(dep) for dep in code(stage) if not dep.exists()] == []


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_waits_for_a_module_that_it_does_not_use(stage: str) -> None:
    needed = used(stage)
    assert [str(dep) for dep in code(stage) if not any(covered(file, [dep]) for file in needed)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_section_a_stage_lists_is_in_params(stage: str) -> None:
    assert listed(stage) <= set(PARAMS)


@pytest.mark.parametrize("stage", STAGES)
def test_every_section_a_stage_reads_is_listed(stage: str) -> None:
    free = FREE | ({"datasets", "experts", "families"} if "matrix" in STAGES[stage] else set())
    assert sections(stage) - free - listed(stage) == set()


@pytest.mark.parametrize("stage", STAGES)
def test_every_table_a_stage_reads_is_another_stages_output(stage: str) -> None:
    written = [path for other in STAGES if other != stage for path in outputs(other)]
    written = [re.sub(r"\$\{item\.\w+\}", "*", path) for path in written]
    for dep in STAGES[stage]["deps"]:
        path = re.sub(r"\$\{item\.\w+\}", "*", dep)
        if path.startswith(("data/", "models/")) and not path.startswith("data/raw"):
            assert any(f"{path}/".startswith(f"{out}/") or f"{out}/".startswith(f"{path}/") for out in written), dep


def test_no_output_is_written_twice() -> None:
    written = [path for stage in STAGES for path in outputs(stage)]
    assert len(set(written)) == len(written)


PLOTS: dict[str, dict[str, Any]] = {name: about for entry in CONTENT["plots"] for name, about in entry.items()}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plots_columns_and_template_are_there(name: str) -> None:
    about = PLOTS[name]
    for path, columns in about["y"].items():
        header = (ROOT / path).read_text(encoding="utf-8").splitlines()[0].split(",")
        assert {about["x"], *([columns] if isinstance(columns, str) else columns)} <= set(header)
    if "template" in about:
        template = (ROOT / ".dvc" / "plots" / f"{about['template']}.json").read_text(encoding="utf-8")
        assert set(json.loads(template)) >= {"$schema", "title", "data"}
        assert set(re.findall(r"<DVC_METRIC_([XY])>", template)) == {"X", "Y"}


def test_every_table_of_plots_is_drawn() -> None:
    drawn = {path for about in PLOTS.values() for path in about["y"]}
    assert drawn == {str(path.relative_to(ROOT)) for path in (ROOT / "metrics" / "plots").iterdir()}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of `dvc plots show`."""
    folder = tmp_path_factory.mktemp("plots")
    command = [sys.executable, "-m", "dvc", "plots", "show", "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "index.html"


def test_the_page_of_plots_loads_no_script_and_no_style(page: Path) -> None:
    assert re.findall(r"<(?:script|link)[^>]+(?:src|href)=", page.read_text(encoding="utf-8")) == []


@in_browser
def test_the_page_draws_every_plot_and_asks_the_network_for_nothing(page: Path, browser: Browser) -> None:
    opened, requests, errors = browser.new_page(), list[str](), list[str]()
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(page.as_uri())
    opened.wait_for_function(f"document.querySelectorAll('canvas').length == {len(PLOTS)}")
    opened.close()
    assert requests == [page.as_uri()]
    assert errors == []


def test_metrics_stay_in_git_and_tables_in_the_cache() -> None:
    """DVC shows what stands under ``metrics``; an output without a cache loses the run cache, here for seconds."""
    for name, stage in STAGES.items():
        special = [entry for entry in stage.get("outs", []) if isinstance(entry, dict)]
        for path, about in ((path, about) for entry in special for path, about in entry.items()):
            assert path.startswith("metrics/")
            assert about == {"cache": False}
        assert stage.get("metrics", []) == ([{"metrics/summary.json": {"cache": False}}] if name == "evaluate" else [])
        assert "plots" not in stage


def test_reports_lie_apart_from_what_later_stages_read() -> None:
    reports = [path for stage in STAGES for path in outputs(stage) if path.endswith(".json")]
    assert all(path.startswith(("data/reports/", "metrics/")) for path in reports)
    readers = {stage for stage in STAGES for dep in STAGES[stage]["deps"] if dep.startswith("data/reports/")}
    assert readers == {"evaluate"}


def test_the_artifacts_are_the_models_on_all_clips() -> None:
    written = {path.replace("${item.family}", family) for family in PARAMS["families"] for path in outputs("finetune")}
    assert {about["path"] for about in CONTENT["artifacts"].values()} <= {*written, *outputs("prior")}


def test_the_summary_is_that_of_the_figures() -> None:
    names = ("loso", "baselines", "flow", "verify")
    figures = [tables.read_json(ROOT / "metrics" / f"{name}.json") for name in names]
    assert summary.summary(*figures) == tables.read_json(ROOT / "metrics" / "summary.json")


def test_where_no_dataset_has_a_truth_the_summary_says_nothing_of_it() -> None:
    scores, baselines = (tables.read_json(ROOT / "metrics" / f"{name}.json") for name in ("loso", "baselines"))
    found = summary.summary(scores, baselines, {"casme2": {"clips": 255}}, {"casme2": {"clips": 255}})
    assert set(found) == {"head_uf1", "text_uf1", "au_f1", "evidence_f1", "baseline", "clips"}
