import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_params
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from deft.cli import app
from deft.core import schemas, tables
from deft.core.errors import DataError
from deft.score import compare, metrics

TRUE = ["a", "b", "a", "b", "a", "b", "a", "b"]
FIRST = ["a", "a", "a", "a", "a", "b", "a", "a"]
SECOND = ["a", "b", "a", "b", "a", "a", "a", "b"]
SIGHT = {"region": "chin", "direction": "up", "level": "slight", "timing": "late"}
WORDS = st.lists(st.sampled_from("ab"), min_size=8, max_size=8)


def answers(given_: Sequence[str]) -> list[tables.Row]:
    """Answers for two clips of each of four subjects."""
    return [
        {"clip": f"d/{at // 2}/{at}", "emotion": name, "said_emotion": name, "units": [4], "evidence": [SIGHT]}
        for at, name in enumerate(given_)
    ]


def triples(labels: Sequence[str] = TRUE) -> list[tables.Row]:
    columns = {"dataset": "d", "listed": [4], "evidence": [SIGHT]}
    return [
        {"clip": f"d/{at // 2}/{at}", "subject": str(at // 2), "label": label, **columns}
        for at, label in enumerate(labels)
    ]


def run(name: str, given_: Sequence[str], labels: Sequence[str] = TRUE, setting: str = "native") -> compare.Run:
    return compare.run(name, setting, answers(given_), triples(labels))


def test_a_difference_is_that_of_the_hand() -> None:
    """Head accuracy 5/8 and 7/8; by subjects +1, +1, -1 and +1 of two clips each."""
    found = compare.differences(run("one", FIRST), run("other", SECOND), 400, 0)["emotion.acc"]
    assert (found.first, found.second, found.difference) == (0.625, 0.875, 0.25)
    drawn = np.random.default_rng(0).choice([0.5, 0.5, -0.5, 0.5], (400, 4)).mean(1)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=1e-4)
    assert found.p == pytest.approx(2 * (1 + (drawn <= 0).sum()) / 401, abs=1e-4)


@given(WORDS, WORDS, st.integers(0, 9))
def test_the_other_way_round_is_the_same_with_its_sign_turned(one: list[str], other: list[str], seed: int) -> None:
    there = compare.differences(run("one", one), run("other", other), 40, seed)
    back = compare.differences(run("other", other), run("one", one), 40, seed)
    assert "emotion.acc" in there
    for name, each in there.items():
        assert (back[name].difference, back[name].p) == (-each.difference, each.p)
        assert (back[name].low, back[name].high) == pytest.approx((-each.high, -each.low), abs=1.1e-4)


@given(WORDS, st.integers(0, 9))
def test_an_experiment_does_not_differ_from_itself(given_: list[str], seed: int) -> None:
    found = compare.differences(run("one", given_), run("again", given_), 20, seed)
    assert "emotion.acc" in found
    for each in found.values():
        assert each[2:] == (0, 0, 0, 1)


def test_both_are_scored_as_loso_scores_them() -> None:
    found = compare.differences(run("one", FIRST), run("other", SECOND), 20, 0)
    score = metrics.with_intervals(
        metrics.emotion(TRUE, SECOND), metrics.draws([str(at // 2) for at in range(8)], 20, 0)
    )
    assert found["generated.uf1"].second == score["uf1"]
    assert (found["au.f1"].first, found["text.evidence_f1"].second) == (1, 1)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (run("B", FIRST[:6]), "2 clips in one of them alone, as d/3/6, expected the same clips"),
        (run("B", FIRST, ["b", *TRUE[1:]]), "1 clips whose labels differ, as d/0/0: a and b"),
        (run("B", FIRST, setting="3"), "task.labels native and 3, expected .* under the same task.labels"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(other: compare.Run, message: str) -> None:
    with pytest.raises(DataError, match=f"A and B: found {message}"):
        compare.differences(run("A", FIRST), other, 5, 0)


def command(folder: Path, *words: str) -> None:
    found = (sys.executable, "-m", "dvc", *words[1:]) if words[0] == "dvc" else words
    subprocess.run(found, cwd=folder, check=True, capture_output=True)


def predict(folder: Path, given_: Sequence[str]) -> None:
    rows: list[dict[str, Any]] = [row | {"fold": "f", "parsed": True} for row in answers(given_)]
    tables.write(folder / "data" / "predictions" / "deft.parquet", schemas.PREDICTIONS, [rows])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose commit `first` answers FIRST, whose last commit SECOND and whose files here TRUE."""
    folder = tmp_path_factory.mktemp("project")
    write_params(folder, evaluate={"resamples": 50})
    tables.write(folder / "data" / "triples.parquet", schemas.TRIPLES, [triples()])
    command(folder, "git", "init", "--quiet")
    command(folder, "git", "config", "user.name", "somebody")
    command(folder, "git", "config", "user.email", "somebody@example.org")
    command(folder, "dvc", "init", "--quiet")
    for number, given_ in enumerate((FIRST, SECOND)):
        predict(folder, given_)
        command(folder, "dvc", "add", "--quiet", "data/predictions/deft.parquet", "data/triples.parquet")
        command(folder, "git", "add", ".")
        command(folder, "git", "commit", "--quiet", "--message", str(number))
        if not number:
            command(folder, "git", "tag", "first")
    predict(folder, TRUE)
    return folder


@pytest.fixture
def run_compare(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``deft compare`` in the project."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "120")

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, ["compare", *words])

    return invoke


def test_two_revisions_are_compared_and_the_rule_is_said(run_compare: Any, tmp_path: Path) -> None:
    done = run_compare("first", "HEAD", "--out", str(tmp_path / "found.json"))
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "head accuracy 0.625 0.875 +0.250" in text
    assert "8 clips of 4 subjects" in text
    assert "paired bootstrap over subjects, 50 resamples, seed 1; two-sided p" in text
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["figures"]["emotion.acc"]["second"] == 0.875
    assert found["rule"] in text


def test_a_revision_is_compared_with_the_files_that_are_here(run_compare: Any) -> None:
    assert "head accuracy 0.875 1.000 +0.125" in " ".join(run_compare("HEAD").output.split())
    assert "text UF1 1.000 1.000 +0.000" in " ".join(run_compare("workspace", "workspace").output.split())


def test_a_revision_that_is_none_is_refused_in_one_line(run_compare: Any) -> None:
    done = run_compare("nowhere")
    assert done.exit_code == 1
    assert "nowhere: found unknown Git revision" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_revision_whose_answers_are_not_in_the_cache_is_refused(run_compare: Any, project: Path) -> None:
    cache = project / ".dvc" / "cache"
    shutil.move(cache, cache.with_name("away"))
    done = run_compare("first")
    shutil.move(cache.with_name("away"), cache)
    assert done.exit_code == 1
    assert "first: found data/predictions/deft.parquet of another run, whose content is not in this" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_revision_without_answers_is_refused(run_compare: Any, project: Path) -> None:
    command(project, "git", "rm", "--quiet", "--cached", "data/predictions/deft.parquet.dvc")
    command(project, "git", "commit", "--quiet", "--message", "none")
    command(project, "git", "tag", "none")
    command(project, "git", "reset", "--quiet", "HEAD~")
    done = run_compare("none")
    assert done.exit_code == 1
    assert "none: found no data/predictions/deft.parquet, expected" in done.stderr


def test_the_authors_commit_cannot_be_compared_with_but_ones_own_can(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone has the author's dvc.lock and not the author's cache; a run here fills its own."""
    mine = tmp_path / "clone"
    command(tmp_path, "git", "clone", "--quiet", str(project), str(mine))
    command(mine, "git", "config", "user.name", "somebody else")
    command(mine, "git", "config", "user.email", "else@example.org")
    predict(mine, SECOND[:4] + FIRST[4:])  # of another machine
    tables.write(mine / "data" / "triples.parquet", schemas.TRIPLES, [triples()])
    monkeypatch.chdir(mine)
    refused = CliRunner().invoke(app, ["compare", "HEAD"])
    assert refused.exit_code == 1
    assert "`git commit --all`" in refused.stderr
    command(mine, "dvc", "add", "--quiet", "data/predictions/deft.parquet", "data/triples.parquet")
    command(mine, "git", "commit", "--quiet", "--all", "--message", "My run")
    predict(mine, TRUE)
    done = CliRunner().invoke(app, ["compare", "HEAD"])
    assert done.exit_code == 0, done.output


def test_without_answers_here_there_is_nothing_to_compare(
    run_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = run_compare("workspace")
    assert done.exit_code == 1
    assert "data/predictions/deft.parquet: found no such file" in done.stderr
