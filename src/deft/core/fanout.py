"""Map a function over clips or folds, on all cores or a Ray cluster, with progress, resume and a list of failures."""

import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import joblib
from tqdm import tqdm

from deft.core.engines import Cluster as Cluster
from deft.core.engines import Engine, processes, ray
from deft.core.engines import Outcome as Outcome
from deft.core.errors import DataError

Result = TypeVar("Result")

PACKAGE = Path(__file__).parents[1]
ENGINES: Mapping[str, Engine] = {"processes": processes.run, "ray": ray.run}


def over(
    work: Callable[[str], Result], keys: Sequence[str], *, title: str, cluster: Cluster, scratch: Path
) -> Iterator[Outcome[Result]]:
    """Yield one outcome per key, in the order of ``keys``, which differ, while later keys are still being worked on.

    ``work`` is a function of a module or a ``partial`` of one; a key is its next positional argument. None is no
    result: it counts as a failure. Results are stored under ``scratch`` by key as they
    complete, so that a killed run continues when it is started again with the same ``scratch``, under either engine.
    Once all keys are done, ``scratch`` is deleted. The arguments that a ``partial`` holds are not compared: for other
    arguments, give another folder (`content_key`). Under "ray", ``scratch`` must be on a file system
    that all machines share.

    Raises:
        DataError: the engine cannot work here (`deft.core.engines`).

    """
    task = partial(_attempt, joblib.Memory(scratch.absolute(), verbose=0), work)
    with closing(ENGINES[cluster.engine](task, keys, cluster)) as outcomes:
        yield from _in_order(tqdm(outcomes, desc=title, total=len(keys), unit="", mininterval=1.0), keys)
    shutil.rmtree(scratch, ignore_errors=True)


def gather(outcomes: Iterable[Outcome[Result]]) -> tuple[dict[str, Result], dict[str, str]]:
    """Consume all outcomes and return the results by key, and the reasons for failures by key."""
    failures: dict[str, str] = {}
    return dict(results(outcomes, failures)), failures


def results(outcomes: Iterable[Outcome[Result]], failures: dict[str, str]) -> Iterator[tuple[str, Result]]:
    """Yield the keys and results of those that succeeded; add the reasons for failures to ``failures``."""
    for key, result, error in outcomes:
        if result is None:
            failures[key] = error or ""
        else:
            yield key, result


def unbatch(
    outcomes: Iterable[Outcome[dict[str, Result | DataError]]], batches: Mapping[str, Sequence[str]]
) -> Iterator[Outcome[Result]]:
    """Yield one outcome per key of a batch from the outcomes of whole batches.

    ``batches`` are the keys of each batch, by the batch's name. A batch that failed gives its error to all its keys.
    """
    for name, batch_results, error in outcomes:
        for key in batches[name]:
            if batch_results is None:
                yield Outcome(key, None, error)
                continue
            result = batch_results[key]
            if isinstance(result, DataError):
                yield Outcome(key, None, str(result))
            else:
                yield Outcome(key, result, None)


def content_key(inputs: Sequence[Path], values: object, code: Sequence[Path] = ()) -> str:
    """Return a short digest of input files, plain values and source code: the name of a run's scratch folder.

    ``inputs`` are files or folders; the source code is this package's and that of the folders ``code``. A file counts
    with its bytes and with its path inside its input, so that the key is the same wherever the project lies.
    """
    digest = hashlib.sha256(repr(values).encode())
    trees = [(path, "*") for path in inputs] + [(folder, "*.py") for folder in (PACKAGE, *code)]
    for number, (root, pattern) in enumerate(trees):
        for file in sorted(path for path in (root, *root.rglob(pattern)) if path.is_file()):
            digest.update(f"\n{number} {file.relative_to(root).as_posix()} ".encode())
            with file.open("rb") as handle:
                digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()[:16]


def _in_order(outcomes: Iterable[Outcome[Result]], keys: Sequence[str]) -> Iterator[Outcome[Result]]:
    """Yield outcomes in the order of ``keys``, each as soon as all earlier ones are complete."""
    early: dict[str, Outcome[Result]] = {}
    waiting = iter(keys)
    key = next(waiting, None)
    for outcome in outcomes:
        early[outcome.key] = outcome
        while key in early:
            yield early.pop(key)
            key = next(waiting, None)


def _attempt(memory: joblib.Memory, work: Callable[[str], Result], key: str) -> Outcome[Result]:
    flat = partial(work)  # a partial of a partial has the same function and arguments
    signature = inspect.signature(flat.func)
    bound_names = list(signature.bind_partial(*flat.args, **flat.keywords).arguments)
    cached = memory.cache(flat.func, ignore=bound_names)
    try:
        return Outcome(key, cached(*flat.args, key, **flat.keywords), None)
    except Exception as error:  # one bad clip must not hide the others, whatever is wrong with it
        refused = type(error).__module__.startswith("deft.")
        return Outcome(key, None, str(error) if refused else _located(error))


def _located(error: Exception) -> str:
    """Return an error in one line with its type and the file and line that raised it."""
    trace = inspect.trace()[-1]
    return f"{type(error).__name__}: {error} ({Path(trace.filename).name}, line {trace.lineno})"
