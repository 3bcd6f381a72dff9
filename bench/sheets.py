"""Measure how long a large dataset takes to index, sheet and frames, in one process."""

import time
from pathlib import Path
from typing import Any

from deft.core import schemas, tables
from deft.datasets import clips
from deft.render import corpus, layouts

SEED = 2030
SUBJECTS, CLIPS, FRAMES = 80, 100, 63


def figures(folder: Path) -> dict[str, Any]:
    """Return the seconds to write the index of an ``.xlsx`` of 8,000 rows and of 504,000 frames (empty files)."""
    root = folder / "data" / "raw" / "casme2"
    layout = layouts.get("casme2")
    plans = [plan._replace(frames=FRAMES) for plan in _plans()]
    layouts.write_labels(layout, plans, root, traps=False)
    assert layout.frame is not None
    for plan in plans:
        _touch(root, [layout.frame(plan, position) for position in range(FRAMES)])
    started = time.perf_counter()
    indexed = clips.read(root, "casme2", "casme2")
    tables.write(folder / "casme2.parquet", schemas.INDEX, ([clip] for clip in indexed.clips))
    seconds = time.perf_counter() - started
    if len(indexed.clips) != len(plans):
        raise RuntimeError(
            f"index: {len(indexed.clips)} of {len(plans)} clips; {next(iter(indexed.rejected.values()))}"
        )
    return {
        "rows": len(plans),
        "frames": sum(len(clip["frames"]) for clip in indexed.clips),
        "seconds": round(seconds, 1),
    }


def _plans() -> list[corpus.ClipPlan]:
    """Return plans whose clips fit into `FRAMES` frames."""
    fitting = []
    for plan in corpus.plan(SEED, SUBJECTS, CLIPS, wrong=0.0):
        offset = plan.offset - max(0, plan.offset - FRAMES + 1)
        fitting.append(plan._replace(apex=min(plan.apex, offset), offset=offset))
    return fitting


def _touch(root: Path, paths: list[str]) -> None:
    """Write empty files, all in one new folder."""
    (root / paths[0]).parent.mkdir(parents=True)
    for path in paths:
        (root / path).touch()
