"""The engine "processes": worker processes on this machine (joblib's loky)."""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import joblib

from deft.core.engines import Cluster, Outcome

Result = TypeVar("Result")


def run(
    task: Callable[[str], Outcome[Result]], keys: Sequence[str], cluster: Cluster
) -> Generator[Outcome[Result], None, None]:
    """Run ``task`` in ``cluster.jobs`` processes, one thread each (`deft.core.engines.Engine`).

    A single job needs no worker: it runs in the calling process.
    """
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        pool = joblib.Parallel(
            n_jobs=cluster.jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs"
        )
        yield from pool(joblib.delayed(task)(key) for key in keys)
