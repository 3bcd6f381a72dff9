"""The engine "ray": worker processes on the machines of a Ray cluster, each with its own CPU core and GPUs.

All machines must share the project's folder: workers read its tables and keep their results there.
"""

import os
import socket
import sys
from collections.abc import Callable, Generator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from deft.core.engines import Cluster, Outcome
from deft.core.errors import DataError

if TYPE_CHECKING:  # an optional package
    from ray.actor import ActorHandle

Result = TypeVar("Result")

# One thread per worker, as the engine "processes" has it.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class _Worker:
    """A process on the cluster that works on one key after another. Ray may restart it, so it keeps no attributes."""

    def start(self, task: Callable[[str], Outcome[Result]], folder: Path) -> None:
        """Go to the project's ``folder``; receiving ``task`` has already imported the modules that it needs."""
        try:
            os.chdir(folder)
        except OSError:
            raise DataError(
                f"{socket.gethostname()}:{folder}",
                "no such folder",
                "the project, on a file system that all machines of the cluster share",
                "mount it there, or take that machine out of the cluster",
            ) from None

    def run(self, task: Callable[[str], Outcome[Result]], folder: Path, key: str) -> Outcome[Result]:
        """Work on one key in the project's ``folder``."""
        self.start(task, folder)
        return task(key)


def run(
    task: Callable[[str], Outcome[Result]], keys: Sequence[str], cluster: Cluster
) -> Generator[Outcome[Result], None, None]:
    """Run ``task`` in at most ``cluster.jobs`` Ray workers (`deft.core.engines.Engine`).

    A worker keeps its GPUs, and the models it has loaded, from one key to the next. Ray restarts a worker that dies
    and tries its key once more; a key that kills its worker again gets an error, and the others go on.

    Raises:
        DataError: Ray is not installed or does not answer, no machine has a core and the GPUs that a job needs, or a
            worker cannot start.

    """
    ray = _connect()
    room = _room(ray, cluster.gpus_per_job)
    count = min(room if cluster.jobs == -1 else cluster.jobs, len(keys))
    actor = ray.remote(_Worker).options(
        num_cpus=1,
        num_gpus=cluster.gpus_per_job,
        max_restarts=-1,
        max_task_retries=1,
        runtime_env={"env_vars": _environment(cluster.gpus_per_job)},
    )
    work = ray.put(task), Path.cwd()
    workers = [actor.remote() for _ in range(count)]
    # A worker gets its first key once it has started, so that no key waits for a worker that finds no room.
    calls: dict[object, tuple[ActorHandle, str | None]] = {
        worker.start.remote(*work): (worker, None) for worker in workers
    }
    waiting, done = iter(keys), 0
    try:
        while done < len(keys):
            (ready, *_), _ = ray.wait(list(calls))
            worker, key = calls.pop(ready)
            if (following := next(waiting, None)) is not None:
                calls[worker.run.remote(*work, following)] = worker, following
            if key is None:
                _check_start(ray, ready)
            else:
                done += 1
                yield _outcome(ray, key, ready)
    finally:
        for worker in workers:
            ray.kill(worker)


def _connect() -> ModuleType:
    """Return Ray's module once this process is connected to a cluster; without one, Ray starts on this machine."""
    try:
        ray = import_module("ray")  # the extra `cluster`
    except ModuleNotFoundError:
        raise DataError(
            "engine: ray",
            "no package `ray`",
            "it installed",
            "run pip install 'deft[cluster]', or set engine: processes",
        ) from None
    if not ray.is_initialized():
        try:
            ray.init()
        except ConnectionError as error:
            address = os.environ.get("RAY_ADDRESS", "none set")
            raise DataError(
                "engine: ray",
                f"no cluster that answers (RAY_ADDRESS: {address}; {_line(error)})",
                "a running one",
                "start it with `ray start --head`, or unset RAY_ADDRESS to use this machine alone",
            ) from None
    return ray


def _room(ray: ModuleType, gpus_per_job: float) -> int:
    """Return how many jobs the cluster's machines hold at the same time, with a core and ``gpus_per_job`` GPUs each."""
    room = 0
    for machine in ray.nodes():
        cores, gpus = (machine["Resources"].get(name, 0) for name in ("CPU", "GPU"))
        room += int(min(cores, gpus / gpus_per_job) if gpus_per_job else cores)
    if not room:
        needed = f"one with a CPU core and {gpus_per_job:g} GPUs" if gpus_per_job else "one with a CPU core"
        raise DataError(
            "engine: ray", f"{len(ray.nodes())} machines, none of them with room for a job", needed,
            "start such a machine with `ray start`, or lower gpus_per_job",
        )  # fmt: skip
    return room


def _environment(gpus_per_job: float) -> dict[str, str]:
    """Return the environment variables of a worker: it imports what this process imports, and sees its GPUs alone."""
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    hidden = {} if gpus_per_job else {"CUDA_VISIBLE_DEVICES": ""}  # where a job holds GPUs, Ray sets it
    return ONE_THREAD | hidden | {"PYTHONPATH": path}


def _check_start(ray: ModuleType, call: object) -> None:
    try:
        ray.get(call)
    except ray.exceptions.RayError as error:
        cause = _cause(ray, error)
        if isinstance(cause, DataError):
            raise cause from None
        raise DataError(
            "engine: ray",
            f"a worker that cannot start ({_line(cause)})",
            "the project and its packages on every machine",
            "install them there, in the same versions",
        ) from None


def _outcome(ray: ModuleType, key: str, call: object) -> Outcome[Result]:
    try:
        outcome: Outcome[Result] = ray.get(call)
    except ray.exceptions.RayError as error:
        return Outcome(key, None, f"lost with its worker: {_line(_cause(ray, error))}")
    return outcome


def _cause(ray: ModuleType, error: Exception) -> Exception:
    """Return what a worker's own code raised, or else Ray's error itself."""
    cause: Exception = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    return cause


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
