"""How long a large dataset takes to index: its label sheet read, its frames matched, one process."""

import time
from pathlib import Path
from typing import Any

from deft.core import schemas, tables
from deft.datasets import clips
from deft.render import corpus, layouts

SEED = 2030
SUBJECTS, CLIPS, FRAMES = 80, 100, 63


def figures(folder: Path) -> dict[str, Any]:
    """Seconds from an ``.xlsx`` of 8,000 rows and 504,000 frames' paths (empty files) to the index's table."""
    root = folder / "data" / "raw" / "casme2"
    layout = layouts.get("casme2")
    plans = [plan._replace(frames=FRAMES) for plan in _plans()]
    layouts.write_labels(layout, plans, root, traps=False)
    for plan in plans:
        _touch(root, [layout.frame(plan, position) for position in range(FRAMES)] if layout.frame else [])
    started = time.perf_counter()
    found = clips.read(root, "casme2", "casme2")
    tables.write(folder / "casme2.parquet", schemas.INDEX, ([clip] for clip in found.clips))
    seconds = time.perf_counter() - started
    if len(found.clips) != len(plans):
        raise RuntimeError(f"index: {len(found.clips)} of {len(plans)} clips; {next(iter(found.rejected.values()))}")
    return {
        "rows": len(plans),
        "frames": sum(len(clip["frames"]) for clip in found.clips),
        "seconds": round(seconds, 1),
    }


def _plans() -> list[corpus.ClipPlan]:
    """Clips none of which is longer than its frames."""
    short = []
    for plan in corpus.plan(SEED, SUBJECTS, CLIPS, wrong=0.0):
        late = max(0, plan.offset - FRAMES + 1)
        short.append(plan._replace(apex=min(plan.apex, plan.offset - late), offset=plan.offset - late))
    return short


def _touch(root: Path, paths: list[str]) -> None:
    (root / paths[0]).parent.mkdir(parents=True)
    for path in paths:
        (root / path).touch()
