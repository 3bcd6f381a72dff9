"""How well events are found in rendered films that nothing was tuned on; how fast ``deft predict`` reads a film."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from joblib import Parallel, delayed
from tqdm import tqdm

from deft.core import params
from deft.media import video
from deft.render import videos
from deft.render.corpus import FPS
from deft.spotting import rule, timeline

SEED, FILMS, SECONDS = 8801, 8, 30.0
OVERLAP = 0.5  # intersection over union from which an event is found
PLAYED_FPS = 30


def figures(folder: Path) -> dict[str, Any]:
    """``f1``, ``precision``, ``recall`` of events at an overlap of 0.5 with the true ones, pooled over the videos.

    ``blinks_called``: blinks taken for an expression. ``predict``: seconds that ``deft predict`` takes for each second
    of a film of 640 × 480 at 30 frames a second, start included, and its peak memory, for a film and one four times as
    long. Needs models/deft/final; writes its films into ``folder``.
    """
    work = (delayed(_found)(number) for number in range(FILMS))
    found = list(tqdm(Parallel(n_jobs=-1, return_as="generator")(work), desc="films", total=FILMS, unit=""))
    hits, told, true = (sum(each[name] for each in found) for name in ("hits", "told", "true"))
    return {
        "films": FILMS,
        "seconds": SECONDS,
        "expressions": true,
        "blinks": sum(each["blinks"] for each in found),
        "blinks_called": sum(each["blinks_called"] for each in found),
        "precision": round(hits / max(1, told), 4),
        "recall": round(hits / true, 4),
        "f1": round(2 * hits / (told + true), 4),
        "overlap": round(sum(each["overlap"] for each in found) / max(1, hits), 4),
        "predict": [_predicted(folder, times) for times in (1, 4)],
    }


def _found(number: int) -> dict[str, float]:
    cv2.setNumThreads(1)
    crop, plan = params.load().crop, videos.plan(SEED, number, SECONDS)
    every = int(FPS / timeline.SAMPLED_HZ)  # the frames that `timeline.watch` would look at
    shown = (video.Frame(at * every, at * every / FPS, image) for at, image in enumerate(videos.frames(plan, every)))
    parts = rule.search(timeline.measure(shown, crop.size_px, crop.iod_px, crop.eye_line))
    told = [event for part in parts for event in part.events if event.kind != rule.BLINK]
    best = [
        max((overlap(event[:3:2], each[:3:2]), at) for at, each in enumerate(plan.events)) for event in _frames(told)
    ]
    hits = {at: share for share, at in sorted(best) if share >= OVERLAP}  # one event of the truth is found once
    blinks = [blink for blink in plan.blinks if any(overlap(blink, event[:3:2]) > OVERLAP for event in _frames(told))]
    return {
        "hits": len(hits),
        "told": len(told),
        "true": len(plan.events),
        "overlap": sum(hits.values()),
        "blinks": len(plan.blinks),
        "blinks_called": len(blinks),
    }


def _frames(events: Sequence[rule.Event]) -> list[tuple[int, int, int]]:
    return [(event.onset, event.apex, event.offset) for event in events]


def overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """Intersection over union of two intervals (first, last)."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, shared / (max(one[1], other[1]) - min(one[0], other[0])))


def _predicted(folder: Path, times: int) -> dict[str, float]:
    """``deft predict`` on a film shown so many times without a pause."""
    path, frames = folder / f"film{times}.avi", 0
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), PLAYED_FPS, (640, 480))
    for _ in range(times):
        for image in videos.frames(videos.plan(SEED, 0, SECONDS), round(FPS / PLAYED_FPS)):
            writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            frames += 1
    writer.release()
    started, command = time.perf_counter(), ["-m", "deft.cli", "predict", str(path), "--out", str(folder)]
    run = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    if status:
        raise RuntimeError(f"deft predict {path}: exit status {os.waitstatus_to_exitcode(status)}")
    seconds, long = time.perf_counter() - started, frames / PLAYED_FPS
    return {"film_s": round(long, 1), "s_per_s": round(seconds / long, 3), "peak_mib": used.ru_maxrss // 1024}
