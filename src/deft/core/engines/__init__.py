"""Engines that run work in processes or on machines: one module per engine, each an `Engine`."""

from collections.abc import Callable, Generator, Sequence
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

Result = TypeVar("Result")


class Outcome(NamedTuple, Generic[Result]):
    """The outcome of one key: its result, or one sentence that says why there is none."""

    key: str
    result: Result | None
    error: str | None


class Cluster(NamedTuple):
    """Where work runs.

    ``jobs`` is how many worker processes run at the same time; -1 means as many as there is room for. ``gpus_per_job``
    is how many GPUs each worker holds under "ray"; "processes" hands out no GPUs, so there it must be 0.
    """

    engine: Literal["processes", "ray"]
    jobs: int
    gpus_per_job: float = 0


class Engine(Protocol):
    """What an engine's module offers as ``run``."""

    def __call__(
        self, task: Callable[[str], Outcome[Result]], keys: Sequence[str], cluster: Cluster
    ) -> Generator[Outcome[Result], None, None]:
        """Call ``task`` once per key in worker processes and yield the outcomes as they complete, in any order.

        ``task`` catches its own exceptions, and it can be pickled. At most ``cluster.jobs`` calls run at the same
        time. Closing the generator ends the work.
        """
