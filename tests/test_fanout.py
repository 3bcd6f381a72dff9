import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from deft.core import fanout
from deft.core.errors import DataError

TESTS = Path(__file__).resolve().parent
PROCESSES = fanout.Cluster("processes", 2)
KEYS = list("dbac")


def upper(calls: Path, key: str) -> str:
    """A piece of work that leaves a file a call."""
    (calls / f"{key}-{uuid.uuid4()}").touch()
    return key.upper()


def picky(calls: Path, key: str) -> str:
    if key == "b":
        raise DataError(key, "nothing", "something", "mend it")
    if key == "a":
        raise ZeroDivisionError("by nought")
    return upper(calls, key)


def deadly(calls: Path, key: str) -> str:
    if key == "a" and not (calls / "shot").exists():
        (calls / "shot").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return upper(calls, key)


class Large:
    """Something that takes long to write down."""

    def __repr__(self) -> str:
        raise AssertionError("written down for every key")


def large(calls: Path, key: str, held: Large) -> str:
    return upper(calls, key)


def run(
    folder: Path, work: Callable[[Path, str], str], cluster: fanout.Cluster = PROCESSES
) -> list[fanout.Outcome[str]]:
    (folder / "calls").mkdir(exist_ok=True)
    bound = partial(work, folder / "calls")
    return list(fanout.over(bound, KEYS, title="test", cluster=cluster, scratch=folder / "scratch"))


def called(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (folder / "calls").iterdir() if path.name != "shot")


def test_outcomes_come_in_the_order_of_the_keys(tmp_path: Path) -> None:
    assert run(tmp_path, upper) == [(key, key.upper(), None) for key in KEYS]


def test_what_work_holds_is_not_written_down_for_every_key(tmp_path: Path) -> None:
    assert run(tmp_path, partial(large, held=Large())) == [(key, key.upper(), None) for key in KEYS]


def test_a_failing_key_does_not_hide_the_others(tmp_path: Path) -> None:
    outcomes = {outcome.key: outcome for outcome in run(tmp_path, picky)}
    assert list(outcomes) == KEYS
    assert {key: outcome.result for key, outcome in outcomes.items()} == {"d": "D", "b": None, "a": None, "c": "C"}
    assert outcomes["b"].error == "b: found nothing, expected something; mend it"
    assert outcomes["a"].error is not None
    assert outcomes["a"].error.startswith("ZeroDivisionError: by nought (test_fanout.py, line ")


def test_scratch_is_emptied_at_the_end(tmp_path: Path) -> None:
    run(tmp_path, upper)
    assert not (tmp_path / "scratch").exists()


def test_a_killed_run_resumes_and_counts_each_key_once(tmp_path: Path) -> None:
    program = f"""
import test_fanout as t, pathlib
print(t.run(pathlib.Path({str(tmp_path)!r}), t.deadly, t.fanout.Cluster("processes", 1)))
"""
    environment = os.environ | {"PYTHONPATH": f"{TESTS.parent / 'src'}{os.pathsep}{TESTS}"}
    command = [sys.executable, "-c", program]
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert called(tmp_path) == ["b", "d"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    assert called(tmp_path) == ["a", "b", "c", "d"]
    assert not (tmp_path / "scratch").exists()


def test_a_stopped_run_keeps_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    work = partial(upper, tmp_path / "calls")
    one = fanout.Cluster("processes", 1)
    started = fanout.over(work, KEYS, title="test", cluster=one, scratch=tmp_path / "scratch")
    assert next(started).key == "d"
    started.close()  # type: ignore[attr-defined]
    run(tmp_path, upper, one)
    assert called(tmp_path) == sorted(KEYS)


def test_a_failure_is_tried_again(tmp_path: Path) -> None:
    assert [outcome.error is None for outcome in run(tmp_path, picky)] == [True, False, False, True]
    assert [outcome.error is None for outcome in run(tmp_path, upper)] == [True] * 4


def test_ray_gives_what_processes_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", f"{TESTS.parent / 'src'}{os.pathsep}{TESTS}")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        (tmp_path / "ray").mkdir()
        found = run(tmp_path / "ray", picky, fanout.Cluster("ray", 2))
    finally:
        ray.shutdown()
    assert found == run(tmp_path, picky)


def test_a_content_key_follows_files_and_values(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("one", encoding="utf-8")
    first = fanout.content_key([tmp_path], {"a": 1})
    assert first == fanout.content_key([tmp_path], {"a": 1})
    assert first != fanout.content_key([tmp_path], {"a": 2})
    (tmp_path / "in").write_text("two", encoding="utf-8")
    assert first != fanout.content_key([tmp_path], {"a": 1})


def test_a_content_key_tells_which_file_holds_what(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    first = fanout.content_key([tmp_path / "a", tmp_path / "b"], None)
    assert first != fanout.content_key([tmp_path / "b", tmp_path / "a"], None)


def test_batches_come_apart_into_their_keys() -> None:
    bad = DataError("b", "nothing", "something", "mend it")
    outcomes = [fanout.Outcome("a", {"a": 1, "b": bad}, None), fanout.Outcome("c", None, "KeyError: c")]
    assert list(fanout.spread(outcomes, {"a": ["a", "b"], "c": ["c", "d"]})) == [
        ("a", 1, None),
        ("b", None, str(bad)),
        ("c", None, "KeyError: c"),
        ("d", None, "KeyError: c"),
    ]
