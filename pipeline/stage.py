"""What every stage shares: where things lie, how clips are mapped to a table, and how a stage ends."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deft import fanout, tables
from deft.errors import DataError
from deft.params import Params, load

DATA, MODELS, METRICS, SCRATCH = Path("data"), Path("models"), Path("metrics"), Path(".scratch")
RAW, TRUTH = DATA / "raw", DATA / "truth"


def table(stage: str, dataset: str) -> Path:
    """Where a stage keeps a dataset's table."""
    return DATA / stage / f"{dataset}.parquet"


def cluster(params: Params) -> fanout.Cluster:
    """Where this run's work is done."""
    return fanout.Cluster(params.engine, params.jobs)


def vectors(params: Params, clips: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
    """What each expert saw of these clips: expert → (clips, tokens, dim)."""
    found: dict[str, dict[str, Any]] = {expert: {} for expert in params.experts}
    for expert, seen in found.items():
        for dataset in params.datasets:
            for row in tables.rows(table("features", f"{dataset}/{expert}")):
                seen[row["clip"]] = row["tokens"]
    return {expert: np.array([seen[clip] for clip in clips], np.float32) for expert, seen in found.items()}


def map_clips(
    stage: str,
    name: str,
    work: Callable[[str], list[tables.Row]],
    clips: Sequence[str],
    schema: pa.Schema,
    reads: Iterable[Path],
    params: Params,
    figures: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Map clips to rows of ``data/<stage>/<name>.parquet`` and report beside it, in ``<name>.json``.

    ``figures`` is asked for the stage's own figures once the table is whole. Exits non-zero when no clip is left, or
    when one failed under ``strict: true``.
    """
    started, failures = time.perf_counter(), {}
    path = table(stage, name)
    scratch = SCRATCH / stage / name / fanout.content_key(reads, params.model_dump())

    def groups() -> Iterator[list[tables.Row]]:
        for clip, rows, error in fanout.over(
            work, clips, title=f"{stage} {name}", cluster=cluster(params), scratch=scratch
        ):
            if rows is None:
                failures[clip] = error
            else:
                yield rows

    done = tables.write(path, schema, groups())
    seconds = time.perf_counter() - started
    report = {"clips": done, "failures": failures, "ms_per_clip": round(1000 * seconds / max(1, len(clips)), 1)}
    tables.write_json(path.with_suffix(".json"), report | (figures() if done else {}))
    finish(f"{stage} {name}", done, failures, params.strict)


def finish(title: str, done: int, failures: dict[str, Any], strict: bool) -> None:
    """Say what was left out; stop the pipeline when nothing is left, or when anything failed under ``strict``."""
    print(f"{title}: {done} done, {len(failures)} left out", file=sys.stderr)
    for key, reason in failures.items():
        print(f"  {key}: {reason}", file=sys.stderr)
    if not done:
        raise DataError(title, "nothing usable", "at least one clip", "mend the reasons listed above")
    if failures and strict:
        raise DataError(title, f"{len(failures)} failures", "none, because of `strict: true`", "mend them or unset it")


__all__ = [
    "DATA",
    "METRICS",
    "MODELS",
    "RAW",
    "SCRATCH",
    "TRUTH",
    "cluster",
    "finish",
    "load",
    "map_clips",
    "table",
    "vectors",
]
