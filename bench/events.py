"""How many events are found in rendered videos that nothing was tuned on, by codec and by condition.

Videos are written as files of 30 frames per second and spotted as `deft predict` spots them. Also: how fast that is.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from joblib import Parallel, delayed
from tqdm import tqdm

from bench.encodings import ENCODINGS, H264, MJPEG, Encoding, encode
from deft import prior
from deft.core import params, paths
from deft.media import video
from deft.render import videos
from deft.render.conditions import PLAIN, Conditions
from deft.render.corpus import FPS
from deft.spotting import MICRO, timeline
from deft.spotting.rule import Rule

SEED, VIDEOS, SECONDS = 8801, 4, 20.0  # of the videos that are written in every encoding
CONDITION_VIDEOS, CONDITION_SECONDS = 2, 12.0  # per condition, in one encoding
CONDITIONS = {
    "macro-expressions": Conditions(macro=True),
    "speech": Conditions(speech=True),
    "pan and zoom": Conditions(pan=True, zoom=True),
    "orbit": Conditions(orbit=True),
    "turn": Conditions(turn=True),
    "posture and exposure": Conditions(posture=True, exposure=True),
    "two people": Conditions(two_people=True),
    "cuts": Conditions(cuts=True),
}
OVERLAP = 0.5  # intersection over union from which an event is found
PLAYED_FPS = 30

Span = tuple[float, float]  # seconds


class Spotted(NamedTuple):
    """What was spotted in a video: the span and the kind of each expression, and the span of each blink."""

    expressions: list[tuple[Span, str]]
    blinks: list[Span]


class Counts(NamedTuple):
    """What one video or several hold, and how much of it was found."""

    expressions: int  # micro-expressions and macro-expressions
    spotted: int
    hits: int
    overlap: float  # summed over the hits
    blinks: int
    blinks_spotted: int
    blink_hits: int
    micro_spotted: int  # expressions that are called micro-expressions
    micro_hits: int  # of these, the ones that are
    in_speech: int  # expressions spotted while somebody speaks

    def row(self) -> dict[str, float]:
        """Return the figures of a table's row: F1, precision and recall of expressions, F1 of blinks, and so on."""
        return {
            "expressions": self.expressions,
            "spotted": self.spotted,
            "blinks": self.blinks,
            "precision": _share(self.hits, self.spotted),
            "recall": _share(self.hits, self.expressions),
            "f1": _share(2 * self.hits, self.spotted + self.expressions),
            "overlap": _share(self.overlap, self.hits),
            "blinks_f1": _share(2 * self.blink_hits, self.blinks_spotted + self.blinks),
            "micro_share": _share(self.micro_hits, self.micro_spotted),
            "in_speech": self.in_speech,
        }


def figures(folder: Path) -> dict[str, object]:
    """Return the figures of `Counts.row` for each encoding, for each condition, and pooled over the encodings.

    Expressions are found at an overlap of 0.5, blinks at any. ``micro_share`` is the share of the events called
    micro-expressions that are. ``predict`` holds the seconds that ``deft predict`` takes per second of a video of
    640 × 480 at 30 frames per second, start included, and its peak memory, for a video and for one four times as long.
    Needs models/deft/final; writes its videos into ``folder``.
    """
    encodings, conditions = rows(SEED)
    return {
        "seconds": VIDEOS * SECONDS,
        **pooled(encodings.values()).row(),
        "encodings": {name: counts.row() for name, counts in encodings.items()},
        "conditions": {name: counts.row() for name, counts in conditions.items()},
        "predict": [_predicted(folder, times) for times in (1, 4)],
    }


def table_rows(spotted: dict[str, Any], columns: Sequence[str]) -> list[list[str]]:
    """Return a table's rows from `figures`: one per encoding, then one per condition."""
    named = [*spotted["encodings"].items(), *spotted["conditions"].items()]
    return [[name, *(f"{row[column]:.2f}" for column in columns)] for name, row in named]


def rows(seed: int) -> tuple[dict[str, Counts], dict[str, Counts]]:
    """Return the counts for each encoding of plain videos, and for each condition."""
    names = [encoding.name for encoding in ENCODINGS]
    plain = [delayed(count)(seed, number, SECONDS, PLAIN, ENCODINGS) for number in range(VIDEOS)]
    hard = [
        delayed(count)(seed, number, CONDITION_SECONDS, conditions, (H264[23],))
        for conditions in CONDITIONS.values()
        for number in range(CONDITION_VIDEOS)
    ]
    work = Parallel(n_jobs=-1, return_as="generator")([*plain, *hard])
    counts = list(tqdm(work, desc="videos", total=len(plain) + len(hard), unit=""))
    by_encoding = {name: pooled(part) for name, part in zip(names, zip(*counts[:VIDEOS], strict=True), strict=True)}
    remaining = [one for (one,) in counts[VIDEOS:]]
    starts = range(0, len(remaining), CONDITION_VIDEOS)
    by_condition = {
        name: pooled(remaining[start : start + CONDITION_VIDEOS])
        for name, start in zip(CONDITIONS, starts, strict=True)
    }
    return by_encoding, by_condition


def count(
    seed: int, number: int, seconds: float, conditions: Conditions, encodings: Sequence[Encoding]
) -> list[Counts]:
    """Render a video once, write it in each encoding, spot its events, and compare them with the truth."""
    cv2.setNumThreads(1)
    plan = videos.plan(seed, number, seconds, conditions)
    images = list(videos.frames_at(plan, videos.frame_numbers(plan, PLAYED_FPS)))
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        for encoding in encodings:
            path = Path(folder) / f"video{encoding.suffix}"
            encode(images, path, encoding, PLAYED_FPS)
            counts.append(compare(plan, spot(path)))
    return counts


def spot(path: Path) -> Spotted:
    """Spot the expressions and the blinks in a video file."""
    settings = params.load()
    rule = Rule(prior.load(paths.PRIOR), settings.spotting)
    spotted = timeline.spot(video.open_source(path), settings.crop, rule, params=settings.spotting)
    return Spotted(
        [((event.onset_s, event.offset_s), event.kind) for event in spotted.events],
        [(event.onset_s, event.offset_s) for event in spotted.blinks],
    )


def compare(plan: videos.VideoPlan, spotted: Spotted) -> Counts:
    """Compare what was spotted with a video's truth, by time alone: whose expression it is does not count."""
    events = [event for person in plan.people for event in person.events]
    true = [(event.onset / FPS, event.offset / FPS) for event in events]
    true_blinks = [(first / FPS, last / FPS) for person in plan.people for first, last in person.blinks]
    speech = [(first / FPS, last / FPS) for person in plan.people for first, last in person.speech]
    spans = [span for span, _ in spotted.expressions]
    hits = match(spans, true, OVERLAP)
    blink_hits = match(spotted.blinks, true_blinks, 0.0)
    micro = [index for index, (_, kind) in enumerate(spotted.expressions) if kind == MICRO]
    return Counts(
        expressions=len(true),
        spotted=len(spans),
        hits=len(hits),
        overlap=sum(overlap(spans[found], true[index]) for found, index in hits.items()),
        blinks=len(true_blinks),
        blinks_spotted=len(spotted.blinks),
        blink_hits=len(blink_hits),
        micro_spotted=len(micro),
        micro_hits=sum(found in hits and events[hits[found]].kind == MICRO for found in micro),
        in_speech=sum(any(overlap(span, spoken) > 0 for spoken in speech) for span in spans),
    )


def match(spotted: Sequence[Span], true: Sequence[Span], least: float) -> dict[int, int]:
    """Return pairs of spotted and true spans, by index: best overlaps first, each span once, all above ``least``.

    A pair at an overlap of exactly ``least`` counts unless that is 0.
    """
    pairs = [(overlap(one, other), i, j) for i, one in enumerate(spotted) for j, other in enumerate(true)]
    matched: dict[int, int] = {}
    for share, i, j in sorted(pairs, key=lambda pair: -pair[0]):
        if share > 0 and share >= least and i not in matched and j not in matched.values():
            matched[i] = j
    return matched


def overlap(one: Span, other: Span) -> float:
    """Return the intersection over union of two intervals (first, last)."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, shared / (max(one[1], other[1]) - min(one[0], other[0])))


def pooled(counts: Iterable[Counts]) -> Counts:
    """Return the sums of several videos' counts."""
    return Counts(*map(sum, zip(*counts, strict=True)))


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _predicted(folder: Path, times: int) -> dict[str, float]:
    """Time ``deft predict`` on a video that is repeated so many times without a pause."""
    path, plan = folder / f"video{times}.avi", videos.plan(SEED, 0, SECONDS)
    numbers = times * videos.frame_numbers(plan, PLAYED_FPS)
    encode(videos.frames_at(plan, numbers), path, MJPEG, PLAYED_FPS)
    command = [sys.executable, "-m", "deft.cli", "predict", str(path), "--out", str(folder)]
    started = time.perf_counter()
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    if status:
        raise RuntimeError(f"deft predict {path}: exit status {os.waitstatus_to_exitcode(status)}")
    seconds, length_s = time.perf_counter() - started, len(numbers) / PLAYED_FPS
    return {"video_s": round(length_s, 1), "s_per_s": round(seconds / length_s, 3), "peak_mib": used.ru_maxrss // 1024}
