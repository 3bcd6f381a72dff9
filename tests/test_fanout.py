import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from deft.core import fanout
from deft.core.errors import DataError

TESTS = Path(__file__).resolve().parent
PROCESSES = fanout.Cluster("processes", 2)
ONE_RAY_WORKER = fanout.Cluster("ray", 1)
RAY = fanout.Cluster("ray", 2)
KEYS = list("dbac")


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """A Ray of this machine's own, with two cores and two GPUs that are not there."""
    module = pytest.importorskip("ray")
    module.init("local", num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield module
    module.shutdown()


@pytest.fixture(params=["processes", "ray"])
def cluster(request: pytest.FixtureRequest) -> fanout.Cluster:
    if request.param == "ray":
        request.getfixturevalue("ray")
        return RAY
    return PROCESSES


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


def always_deadly(calls: Path, key: str) -> str:
    if key == "a":
        os.kill(os.getpid(), signal.SIGKILL)
    return upper(calls, key)


def process(calls: Path, key: str) -> str:
    return str(os.getpid())


def meet(calls: Path, key: str) -> str:
    """Wait until another key is worked on too; return the GPUs that this process sees."""
    (calls / f"{key}-here").touch()
    while len(list(calls.iterdir())) < 2:
        time.sleep(0.01)
    return os.environ["CUDA_VISIBLE_DEVICES"]


def visible(calls: Path, key: str) -> str:
    return os.environ["CUDA_VISIBLE_DEVICES"]


def relative(calls: Path, key: str) -> str:
    return Path("here").read_text(encoding="utf-8")


def late(calls: Path, key: str) -> str:
    """The first key ends after all others."""
    while key == KEYS[0] and len(list(calls.iterdir())) < len(KEYS) - 1:
        time.sleep(0.01)
    return upper(calls, key)


class Large:
    """Something that takes long to write down."""

    def __repr__(self) -> str:
        raise AssertionError("written down for every key")


def large(calls: Path, key: str, held: Large) -> str:
    return upper(calls, key)


def run(
    folder: Path,
    work: Callable[[Path, str], str],
    cluster: fanout.Cluster = PROCESSES,
    keys: list[str] = KEYS,
) -> list[fanout.Outcome[str]]:
    (folder / "calls").mkdir(exist_ok=True)
    bound = partial(work, folder / "calls")
    return list(fanout.over(bound, keys, title="test", cluster=cluster, scratch=folder / "scratch"))


def called(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (folder / "calls").iterdir() if path.name != "shot")


def test_outcomes_come_in_the_order_of_the_keys(tmp_path: Path, cluster: fanout.Cluster) -> None:
    assert run(tmp_path, late, cluster) == [(key, key.upper(), None) for key in KEYS]


def test_what_work_holds_is_not_written_down_for_every_key(tmp_path: Path) -> None:
    assert run(tmp_path, partial(large, held=Large())) == [(key, key.upper(), None) for key in KEYS]


def test_a_failing_key_does_not_hide_the_others(tmp_path: Path, cluster: fanout.Cluster) -> None:
    outcomes = {outcome.key: outcome for outcome in run(tmp_path, picky, cluster)}
    assert list(outcomes) == KEYS
    assert {key: outcome.result for key, outcome in outcomes.items()} == {"d": "D", "b": None, "a": None, "c": "C"}
    assert outcomes["b"].error == "b: found nothing, expected something; mend it"
    assert outcomes["a"].error is not None
    assert outcomes["a"].error.startswith("ZeroDivisionError: by nought (test_fanout.py, line ")


def test_scratch_is_emptied_at_the_end(tmp_path: Path) -> None:
    run(tmp_path, upper)
    assert not (tmp_path / "scratch").exists()


def test_a_killed_run_resumes_under_either_engine_and_counts_each_key_once(
    tmp_path: Path, cluster: fanout.Cluster
) -> None:
    program = f"""
import test_fanout as t, pathlib
t.run(pathlib.Path({str(tmp_path)!r}), t.deadly, t.fanout.Cluster("processes", 1))
"""
    environment = os.environ | {"PYTHONPATH": f"{TESTS.parent / 'src'}{os.pathsep}{TESTS}"}
    killed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert called(tmp_path) == ["b", "d"]
    assert run(tmp_path, deadly, cluster) == [(key, key.upper(), None) for key in KEYS]
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


def test_no_key_is_no_work(tmp_path: Path, cluster: fanout.Cluster) -> None:
    assert run(tmp_path, upper, cluster, []) == []


@pytest.mark.usefixtures("ray")
def test_a_single_ray_job_is_one_process_that_is_not_this_one(tmp_path: Path) -> None:
    pids = {outcome.result for outcome in run(tmp_path, process, ONE_RAY_WORKER)}
    assert len(pids) == 1
    assert pids != {str(os.getpid())}


@pytest.mark.usefixtures("ray")
def test_ray_jobs_run_at_the_same_time_on_a_gpu_each(tmp_path: Path) -> None:
    outcomes = run(tmp_path, meet, fanout.Cluster("ray", 2, gpus_per_job=1), ["a", "b"])
    assert {outcome.result for outcome in outcomes} == {"0", "1"}


@pytest.mark.usefixtures("ray")
def test_ray_jobs_can_share_a_gpu(tmp_path: Path) -> None:
    outcomes = run(tmp_path, meet, fanout.Cluster("ray", -1, gpus_per_job=0.5), ["a", "b"])
    assert {outcome.result for outcome in outcomes} <= {"0", "1"}


@pytest.mark.usefixtures("ray")
def test_a_ray_job_that_holds_no_gpu_sees_none(tmp_path: Path) -> None:
    outcomes = run(tmp_path, visible, ONE_RAY_WORKER, ["a"])
    assert {outcome.result for outcome in outcomes} == {""}


@pytest.mark.usefixtures("ray")
def test_ray_jobs_work_in_the_folder_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").write_text("found", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert {outcome.result for outcome in run(tmp_path, relative, ONE_RAY_WORKER)} == {"found"}


@pytest.mark.usefixtures("ray")
def test_a_ray_worker_that_dies_is_replaced_and_its_key_tried_again(tmp_path: Path) -> None:
    assert run(tmp_path, deadly, ONE_RAY_WORKER) == [(key, key.upper(), None) for key in KEYS]


@pytest.mark.usefixtures("ray")
def test_a_key_that_kills_its_ray_worker_does_not_hide_the_others(tmp_path: Path) -> None:
    outcomes = {outcome.key: outcome for outcome in run(tmp_path, always_deadly, RAY)}
    assert {key: outcome.result for key, outcome in outcomes.items()} == {"d": "D", "b": "B", "a": None, "c": "C"}
    assert outcomes["a"].error is not None
    assert outcomes["a"].error.startswith("lost with its worker: ")


def test_a_stopped_ray_run_gives_its_cores_back(tmp_path: Path, ray: ModuleType) -> None:
    (tmp_path / "calls").mkdir()
    work = partial(upper, tmp_path / "calls")
    started = fanout.over(work, KEYS, title="test", cluster=ONE_RAY_WORKER, scratch=tmp_path / "scratch")
    assert next(started).key == "d"
    started.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 60
    while ray.available_resources().get("CPU") != 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.usefixtures("ray")
def test_more_gpus_than_any_machine_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected one with a CPU core and 3 GPUs"):
        run(tmp_path, upper, fanout.Cluster("ray", 1, gpus_per_job=3))


@pytest.mark.usefixtures("ray")
def test_a_machine_without_the_project_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: Path("/nowhere"))
    with pytest.raises(DataError, match=":/nowhere: found no such folder, expected the project, on a file system"):
        run(tmp_path, upper, ONE_RAY_WORKER)


@pytest.mark.usefixtures("ray")
def test_a_machine_without_the_projects_packages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "vanished.py"
    source.write_text("def work(calls, key): return key", encoding="utf-8")
    from vanished import work  # type: ignore[import-not-found]

    source.unlink()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    with pytest.raises(DataError, match=r"found a worker that cannot start \(.*vanished.*\), expected the project and"):
        run(tmp_path, work, ONE_RAY_WORKER)


def test_without_ray_its_engine_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DataError) as refused:
        run(tmp_path, upper, RAY)
    assert str(refused.value) == (
        "engine: ray: found no package `ray`, expected it installed; "
        "run pip install 'deft[cluster]', or set engine: processes"
    )


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


def test_a_content_key_follows_the_source_of_a_package_and_nothing_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("one", encoding="utf-8")
    first = fanout.content_key([], None, [tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "script.pyc").touch()
    assert first == fanout.content_key([], None, [tmp_path])
    (tmp_path / "script.py").write_text("two", encoding="utf-8")
    assert first != fanout.content_key([], None, [tmp_path])


def test_a_content_key_is_the_same_wherever_files_lie_and_however_they_are_listed(tmp_path: Path) -> None:
    for folder, names in (("here", "abc"), ("there", "cab")):
        for name in names:
            (tmp_path / folder / "in" / name).mkdir(parents=True)
            (tmp_path / folder / "in" / name / "file.py").write_text(name, encoding="utf-8")
    here, there = tmp_path / "here" / "in", tmp_path / "there" / "in"
    assert fanout.content_key([here], None, [here]) == fanout.content_key([there], None, [there])


def test_a_content_key_follows_a_files_name_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one", encoding="utf-8")
    first = fanout.content_key([tmp_path], None)
    (tmp_path / "a").rename(tmp_path / "b")
    assert first != fanout.content_key([tmp_path], None)


def test_batches_come_apart_into_their_keys() -> None:
    bad = DataError("b", "nothing", "something", "mend it")
    outcomes = [fanout.Outcome("a", {"a": 1, "b": bad}, None), fanout.Outcome("c", None, "KeyError: c")]
    assert list(fanout.unbatch(outcomes, {"a": ["a", "b"], "c": ["c", "d"]})) == [
        ("a", 1, None),
        ("b", None, str(bad)),
        ("c", None, "KeyError: c"),
        ("d", None, "KeyError: c"),
    ]
