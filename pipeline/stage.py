"""What every stage shares: where things lie, how clips are mapped to a table, and how a stage ends."""

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

DATA, MODELS, METRICS, SCRATCH = Path("data"), Path("models"), Path("metrics"), Path(".scratch")
RAW, TRUTH = DATA / "raw", DATA / "truth"
# Parameters that change no result.
WHERE = {"engine": "processes", "jobs": 1, "gpus_per_job": 0.0, "strict": False}


def table(stage: str, dataset: str) -> Path:
    """Where a stage keeps a dataset's table."""
    return DATA / stage / f"{dataset}.parquet"


def scratch(stage: str, reads: Sequence[Path], dials: object) -> Path:
    """Return the folder where a stage keeps what it has done until all is done.

    It is another folder for other inputs, other ``dials`` or other source code; where the work runs is no matter.
    """
    dials = dials.model_copy(update=WHERE) if isinstance(dials, Params) else dials
    return SCRATCH / stage / fanout.content_key(reads, dials, [Path(__file__).parent])


def over(
    title: str, work: Callable[[str], Result], keys: Sequence[str], kept: Path, cluster: fanout.Cluster
) -> Iterator[fanout.Outcome[Result]]:
    """Map ``work`` over ``keys`` on a cluster (`on_cpu`, `on_gpu`); ``kept`` is a folder of `scratch`."""
    return fanout.over(work, keys, title=title, cluster=cluster, scratch=kept)


def on_cpu(params: Params) -> fanout.Cluster:
    """Return where work runs that needs no GPU."""
    return fanout.Cluster(params.engine, params.jobs)


def on_gpu(params: Params) -> fanout.Cluster:
    """Return where work runs whose models go to a GPU if there is one.

    Under "ray" each job holds GPUs of its own. Under "processes" nobody hands them out, so a single job takes them.
    """
    if params.engine == "ray":
        return fanout.Cluster("ray", params.jobs, params.gpus_per_job)
    import torch  # seconds, in every worker of stages that have no use for it

    return fanout.Cluster("processes", 1 if torch.cuda.is_available() else params.jobs)


def features(params: Params, experts: Sequence[str]) -> dict[str, list[Path]]:
    """Where each expert's tokens lie: expert → a table per dataset."""
    return {name: [table("features", f"{dataset}/{name}") for dataset in params.datasets] for name in experts}


def map_clips(
    stage: str,
    name: str,
    work: Callable[[str], list[tables.Row]],
    clips: Sequence[str],
    schema: pa.Schema,
    reads: Sequence[Path],
    params: Params,
    figures: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Map clips to rows and `keep` them."""
    outcomes = over(f"{stage} {name}", work, clips, scratch(f"{stage}/{name}", reads, params), on_cpu(params))
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
    """Write clips' rows as they come to ``data/<stage>/<name>.parquet``, and ``data/reports/<stage>/<name>.json``.

    The report holds the number of clips, the failures, and what ``figures`` returns once the table is whole. It holds
    no timings: the same clips give the same bytes, so that later stages have nothing to do. The time per clip goes to
    stderr. Exits non-zero when all clips failed, or one did under ``strict: true``; without any clip there is nothing
    to do.
    """
    started = time.perf_counter()
    failures: dict[str, str] = {}
    done = tables.write(table(stage, name), schema, (rows for _, rows in fanout.results(outcomes, failures)))
    seconds = time.perf_counter() - started
    report = {"clips": done, "failures": failures}
    tables.write_json(paths.report(stage, name), report | (figures() if done else {}))
    if clips:
        finish(f"{stage} {name}", done, failures, params.strict, ms_per_clip=1000 * seconds / len(clips))
    else:
        print(f"{stage} {name}: nothing to do, its clips come as flow", file=sys.stderr)


def replace(folder: Path, target: Path) -> None:
    """Move a whole folder into its place, where an older one may lie."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, target)


def finish(title: str, done: int, failures: Mapping[str, str], strict: bool, ms_per_clip: float | None = None) -> None:
    """Print how many were done, what was left out, and the time per clip where it was measured.

    Raises:
        DataError: nothing is left, or anything failed under ``strict``.

    """
    took = "" if ms_per_clip is None else f", {ms_per_clip:.1f} ms per clip"
    print(f"{title}: {done} done, {len(failures)} left out{took}", file=sys.stderr)
    for key, reason in failures.items():
        print(f"  {key}: {reason}", file=sys.stderr)
    if not done:
        raise DataError(title, "nothing usable", "at least one clip", "mend the reasons listed above")
    if failures and strict:
        raise DataError(title, f"{len(failures)} failures", "none, because of `strict: true`", "mend them or unset it")
