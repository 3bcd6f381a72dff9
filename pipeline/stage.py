"""What the stages share: mapping clips to a table, resuming, reports and failures."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from deft.core import fanout, paths, tables
from deft.core.errors import DataError
from deft.core.params import Params
from deft.core.params import load as load

Result = TypeVar("Result")

# Parameters that cannot change a result, at fixed values.
IRRELEVANT = {"engine": "processes", "jobs": 1, "gpus_per_job": 0.0, "strict": False}


def scratch(stage: str, inputs: Sequence[Path], values: object) -> Path:
    """Return the folder in which a stage stores finished results until all are finished.

    Other inputs, other ``values`` (such as parameters) or other source code give another folder; the engine and the
    number of jobs do not.
    """
    if isinstance(values, Params):
        values = values.model_copy(update=IRRELEVANT)
    return paths.SCRATCH / stage / fanout.content_key(inputs, values, [Path(__file__).parent])


def over(
    title: str, work: Callable[[str], Result], keys: Sequence[str], kept: Path, cluster: fanout.Cluster
) -> Iterator[fanout.Outcome[Result]]:
    """Map ``work`` over ``keys`` on a cluster (`on_cpu`, `on_gpu`); ``kept`` is a folder of `scratch`."""
    return fanout.over(work, keys, title=title, cluster=cluster, scratch=kept)


def on_cpu(params: Params) -> fanout.Cluster:
    """Return the cluster for work that needs no GPU."""
    return fanout.Cluster(params.engine, params.jobs)


def on_gpu(params: Params) -> fanout.Cluster:
    """Return the cluster for work that uses a GPU if there is one.

    Under "ray" each job holds GPUs of its own. "processes" does not assign GPUs, so a single job uses them all.
    """
    if params.engine == "ray":
        return fanout.Cluster("ray", params.jobs, params.gpus_per_job)
    import torch  # here, since it takes seconds in workers that do not need it

    return fanout.Cluster("processes", 1 if torch.cuda.is_available() else params.jobs)


def features(params: Params, experts: Sequence[str]) -> dict[str, list[Path]]:
    """Return the paths of each expert's tokens: expert → one table per dataset."""
    return {name: [paths.table("features", f"{dataset}/{name}") for dataset in params.datasets] for name in experts}


def map_clips(
    stage: str,
    name: str,
    work: Callable[[str], list[tables.Row]],
    clips: Sequence[str],
    schema: pa.Schema,
    inputs: Sequence[Path],
    params: Params,
    figures: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Map clips to rows and `keep` them."""
    kept = scratch(f"{stage}/{name}", inputs, params)
    outcomes = over(f"{stage} {name}", work, clips, kept, on_cpu(params))
    keep(stage, name, outcomes, clips, schema, params, figures)


def keep(
    stage: str,
    name: str,
    outcomes: Iterable[fanout.Outcome[list[tables.Row]]],
    clips: Sequence[str],
    schema: pa.Schema,
    params: Params,
    figures: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Write clips' rows to ``data/<stage>/<name>.parquet`` as they arrive, then ``data/reports/<stage>/<name>.json``.

    The report holds the number of clips, the failures, and what ``figures`` returns once the table is complete. It
    holds no timings, so that the same clips give the same bytes and later stages need not run again. The time per clip
    goes to stderr.

    Raises:
        DataError: all clips failed, or one failed under ``strict: true``.

    """
    started = time.perf_counter()
    failures: dict[str, str] = {}
    done = tables.write(paths.table(stage, name), schema, (rows for _, rows in fanout.results(outcomes, failures)))
    seconds = time.perf_counter() - started
    report: dict[str, Any] = {"clips": done, "failures": failures}
    if done:
        report |= figures()
    tables.write_json(paths.report(stage, name), report)
    if clips:
        finish(f"{stage} {name}", done, failures, params.strict, ms_per_clip=1000 * seconds / len(clips))
    else:
        print(f"{stage} {name}: nothing to do: all clips come as flow", file=sys.stderr)


def replace(folder: Path, target: Path) -> None:
    """Move a complete folder to ``target``, in place of an older one."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, target)


def finish(title: str, done: int, failures: Mapping[str, str], strict: bool, ms_per_clip: float | None = None) -> None:
    """Print the number of results, the failures, and the time per clip if it was measured.

    Raises:
        DataError: there is no result, or there is a failure under ``strict``.

    """
    took = "" if ms_per_clip is None else f", {ms_per_clip:.1f} ms per clip"
    print(f"{title}: {done} done, {len(failures)} left out{took}", file=sys.stderr)
    for key, reason in failures.items():
        print(f"  {key}: {reason}", file=sys.stderr)
    if not done:
        raise DataError(title, "nothing usable", "at least one clip", "fix the failures listed above")
    if failures and strict:
        raise DataError(title, f"{len(failures)} failures", "none, because of `strict: true`", "fix them or unset it")
