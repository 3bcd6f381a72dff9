"""Map a function over clips or folds: all cores or a Ray cluster, progress, resume, no failure that hides others."""

import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import joblib
from tqdm import tqdm

from deft.core.errors import DataError

Result = TypeVar("Result")


class Outcome(NamedTuple, Generic[Result]):
    """What became of one key: its result, or in one sentence why there is none."""

    key: str
    result: Result | None
    error: str | None


class Cluster(NamedTuple):
    """Where work runs: ``engine`` is "processes" or "ray", ``jobs`` a number of workers (-1: every core)."""

    engine: str
    jobs: int


def over(
    work: Callable[[str], Result], keys: Sequence[str], *, title: str, cluster: Cluster, scratch: Path
) -> Iterator[Outcome[Result]]:
    """Yield an outcome a key, in the order of ``keys``, while later keys are still being worked on.

    ``work`` must be a module's function or a ``partial`` of one. Results are kept under ``scratch`` by key as they
    come, so that a killed run, started again with the same ``scratch``, continues; once all are through, it is emptied.
    What a ``partial`` holds is not looked at: ``scratch`` must be another where that differs (`content_key`).
    """
    memory = joblib.Memory(scratch, verbose=0)
    task = joblib.delayed(partial(_attempt, memory, work))
    with _backend(cluster.engine):
        # Ray's joblib backend returns nothing before all is done.
        order = "list" if cluster.engine == "ray" else "generator"
        pool = joblib.Parallel(n_jobs=cluster.jobs, return_as=order, batch_size=1, pre_dispatch="2*n_jobs")
        yield from tqdm(pool(task(key) for key in keys), desc=title, total=len(keys), unit="", mininterval=1.0)
    shutil.rmtree(scratch, ignore_errors=True)


def gather(outcomes: Iterable[Outcome[Result]]) -> tuple[dict[str, Result], dict[str, str]]:
    """Run to the end: results by key, and by key why there is none."""
    failures: dict[str, str] = {}
    return dict(results(outcomes, failures)), failures


def results(outcomes: Iterable[Outcome[Result]], failures: dict[str, str]) -> Iterator[tuple[str, Result]]:
    """Keys and their results as they come; why there is none goes into ``failures``."""
    for key, result, error in outcomes:
        if result is None:
            failures[key] = error or ""
        else:
            yield key, result


def spread(
    outcomes: Iterable[Outcome[dict[str, Result | DataError]]], batches: Mapping[str, Sequence[str]]
) -> Iterator[Outcome[Result]]:
    """Outcomes of batches, each named by a key of ``batches``, as outcomes of what is in them."""
    for name, found, error in outcomes:
        for key in batches[name]:
            result = found[key] if found else None
            if isinstance(result, DataError):
                yield Outcome(key, None, str(result))
            else:
                yield Outcome(key, result, error)


def content_key(inputs: Iterable[Path], values: object) -> str:
    """A short digest of input files, plain values and this package's source: the name of a run's scratch folder."""
    digest = hashlib.sha256(repr(values).encode())
    source = sorted(Path(__file__).parents[1].rglob("*.py"))
    files = [file for path in inputs for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    for file in [*source, *(file for file in files if file.is_file())]:
        with file.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()[:16]


def _attempt(memory: joblib.Memory, work: Callable[[str], Result], key: str) -> Outcome[Result]:
    function, arguments, named = _unfold(work)
    held = list(inspect.signature(function).bind_partial(*arguments, **named).arguments)
    try:
        return Outcome(key, memory.cache(function, ignore=held)(*arguments, key, **named), None)
    except Exception as error:  # one bad clip must not hide the others, whatever is wrong with it
        known = type(error).__module__.startswith("deft.")
        return Outcome(key, None, str(error) if known else _anonymous(error))


def _unfold(work: Callable[..., Any]) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    if isinstance(work, partial):
        return work.func, work.args, work.keywords
    return work, (), {}


def _anonymous(error: Exception) -> str:
    trace = inspect.trace()[-1]
    return f"{type(error).__name__}: {error} ({Path(trace.filename).name}, line {trace.lineno})"


def _backend(engine: str) -> Any:
    if engine == "ray":
        from ray.util.joblib import register_ray  # the `cluster` extra

        register_ray()
        return joblib.parallel_config(backend="ray")
    return joblib.parallel_config(backend="loky", inner_max_num_threads=1)
