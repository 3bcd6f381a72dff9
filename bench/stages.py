"""Measure the clips per second of crop, landmarks, flow and verify together, run as the pipeline runs them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from deft.core import paths, tables
from deft.render import clips, corpus, layouts
from deft.render.layouts import casme2

SEED = 2029
CLIPS, FRAMES = 120, 60
TIMED = ("crop", "landmarks", "flow", "verify")
ROOT = Path(__file__).parent.parent


def figures(folder: Path) -> dict[str, Any]:
    """Return milliseconds per clip of each stage, start of its workers included, and clips per second of all.

    Renders 120 clips of 60 frames of 640 × 480 into ``folder``.
    """
    root = folder / "data" / "raw" / "rendered"
    plans = [_stretched(plan) for plan in corpus.plan(SEED, subjects=8, clips=CLIPS // 8, wrong=0.0)]
    Parallel(n_jobs=-1)(delayed(clips.render)(plan, root) for plan in plans)
    layouts.write_labels(casme2.LAYOUT, plans, root, traps=False)
    shutil.copy(ROOT / "params.yaml", folder)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    ms_per_clip = {}
    for stage in ("index", *TIMED):
        command = [sys.executable, "-m", "pipeline", stage, "rendered"]
        done = subprocess.run(command, cwd=folder, env=environment, check=True, stderr=subprocess.PIPE, text=True)
        report = tables.read_json(folder / paths.report(stage, "rendered"))
        if report["clips"] != CLIPS:
            raise RuntimeError(f"{stage}: {report['clips']} of {CLIPS} clips\n{done.stderr}")
        if stage in TIMED:
            ms_per_clip[stage] = float(re.findall(r"([\d.]+) ms per clip", done.stderr)[-1])
    return {
        "clips": CLIPS,
        "frames": FRAMES,
        "ms_per_clip": ms_per_clip,
        "clips_per_s": round(1000 / sum(ms_per_clip.values()), 2),
    }


def _stretched(plan: corpus.ClipPlan) -> corpus.ClipPlan:
    """Return the same clip stretched from onset to offset over `FRAMES` frames."""
    stretch = (FRAMES - 1) / (plan.offset - plan.onset)
    return plan._replace(frames=FRAMES, onset=0, apex=round((plan.apex - plan.onset) * stretch), offset=FRAMES - 1)
