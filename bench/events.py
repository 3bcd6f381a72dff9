"""How many events are found in rendered videos that nothing was tuned on, and how fast ``deft predict`` is."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
from joblib import Parallel, delayed
from tqdm import tqdm

from deft.core import params
from deft.media import video
from deft.render import videos
from deft.render.corpus import FPS
from deft.spotting import BLINK, Event, rule, timeline

SEED, VIDEOS, SECONDS = 8801, 8, 30.0
OVERLAP = 0.5  # intersection over union from which an event is found
PLAYED_FPS = 30


class Counts(NamedTuple):
    """The events of one video: how many there are, how many were spotted, and how many of these are hits."""

    expressions: int
    spotted: int
    hits: int
    overlap: float  # summed over the hits
    blinks: int
    blinks_called: int  # blinks taken for an expression


def figures(folder: Path) -> dict[str, object]:
    """Return ``f1``, ``precision`` and ``recall`` of events at an overlap of 0.5, pooled over the videos.

    ``blinks_called`` counts blinks taken for an expression. ``predict`` holds the seconds that ``deft predict`` takes
    per second of a video of 640 × 480 at 30 frames per second, start included, and its peak memory, for a video and for
    one four times as long. Needs models/deft/final; writes its videos into ``folder``.
    """
    work = (delayed(_count)(number) for number in range(VIDEOS))
    counts = list(tqdm(Parallel(n_jobs=-1, return_as="generator")(work), desc="videos", total=VIDEOS, unit=""))
    expressions = sum(counted.expressions for counted in counts)
    spotted = sum(counted.spotted for counted in counts)
    hits = sum(counted.hits for counted in counts)
    return {
        "films": VIDEOS,
        "seconds": SECONDS,
        "expressions": expressions,
        "blinks": sum(counted.blinks for counted in counts),
        "blinks_called": sum(counted.blinks_called for counted in counts),
        "precision": round(hits / max(1, spotted), 4),
        "recall": round(hits / expressions, 4),
        "f1": round(2 * hits / (spotted + expressions), 4),
        "overlap": round(sum(counted.overlap for counted in counts) / max(1, hits), 4),
        "predict": [_predicted(folder, times) for times in (1, 4)],
    }


def _count(number: int) -> Counts:
    """Render a video, spot its events, and compare them with the truth."""
    cv2.setNumThreads(1)
    crop, plan = params.load().crop, videos.plan(SEED, number, SECONDS)
    every = int(FPS / timeline.SAMPLED_HZ)  # the frames that `timeline.spot` would measure
    frames = (video.Frame(at * every, at * every / FPS, image) for at, image in enumerate(videos.frames(plan, every)))
    samples = timeline.track(frames, crop.size_px, crop.iod_px, crop.eye_line)
    spotted = [event for segment in rule.search(samples) for event in segment.events if event.kind != BLINK]
    spotted_spans = [_span(event) for event in spotted]
    true_spans = [_span(event) for event in plan.events]

    hits: dict[int, float] = {}  # true event → its overlap: an event counts once, however often it is spotted
    for span in spotted_spans:
        share, index = max((overlap(span, true), index) for index, true in enumerate(true_spans))
        if share >= OVERLAP:
            hits[index] = max(share, hits.get(index, 0.0))
    called = [blink for blink in plan.blinks if any(overlap(blink, span) > OVERLAP for span in spotted_spans)]
    return Counts(len(plan.events), len(spotted), len(hits), sum(hits.values()), len(plan.blinks), len(called))


def _span(event: Event | videos.Event) -> tuple[int, int]:
    return event.onset, event.offset


def overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the intersection over union of two intervals (first, last)."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, shared / (max(one[1], other[1]) - min(one[0], other[0])))


def _predicted(folder: Path, times: int) -> dict[str, float]:
    """Time ``deft predict`` on a video that is repeated so many times without a pause."""
    path, frames = folder / f"video{times}.avi", 0
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), PLAYED_FPS, (640, 480))
    for _ in range(times):
        for image in videos.frames(videos.plan(SEED, 0, SECONDS), round(FPS / PLAYED_FPS)):
            writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            frames += 1
    writer.release()
    command = [sys.executable, "-m", "deft.cli", "predict", str(path), "--out", str(folder)]
    started = time.perf_counter()
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    if status:
        raise RuntimeError(f"deft predict {path}: exit status {os.waitstatus_to_exitcode(status)}")
    seconds, length_s = time.perf_counter() - started, frames / PLAYED_FPS
    return {"film_s": round(length_s, 1), "s_per_s": round(seconds / length_s, 3), "peak_mib": used.ru_maxrss // 1024}
