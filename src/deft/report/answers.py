"""The answers for a video's events, as JSON, as CSV, as pictures and as a table for the terminal."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from rich import box
from rich.table import Table

from deft.core import tables
from deft.core.errors import NoFaceError
from deft.inference import Recognition
from deft.report import picture
from deft.report.timeline import Mark, draw_timeline
from deft.spotting import Event, Kind
from deft.spotting.timeline import Timeline

COLUMNS = (
    *("event", "kind", "onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "duration_s", "z"),
    *("emotion", "confidence", "aus", "rationale", "error"),
)


class Category(TypedDict):
    """The verdict of an answer."""

    emotion: str
    aus: list[str]


class Head(TypedDict):
    """The probabilities of the model's classification head, by emotion and by Action Unit."""

    emotions: dict[str, float]
    units: dict[str, float]


class Record(TypedDict):
    """One event in NAME.json: its frames from 0 and its times, and either the answer or an ``error``.

    ``z`` is in multiples of the noise, or null if the event's frames were given. ``measured`` holds what was measured
    by region, in crop pixels.
    """

    kind: Kind
    onset: int
    apex: int
    offset: int
    onset_s: float
    apex_s: float
    offset_s: float
    z: float | None
    duration_s: float
    category: NotRequired[Category]
    confidence: NotRequired[float]
    evidence: NotRequired[list[dict[str, object]]]
    rationale: NotRequired[str]
    text: NotRequired[str]
    head: NotRequired[Head]
    measured: NotRequired[list[dict[str, object]]]
    error: NotRequired[str]


def write(
    folder: Path, name: str, timeline: Timeline, answers: Iterable[tuple[Event, Recognition | NoFaceError]]
) -> tuple[list[Record], list[Path]]:
    """Write NAME.json, NAME.csv, the timeline NAME.png, and NAME-1.png … for each event.

    Returns the events' records, and the files in this order.
    """
    records: list[Record] = []
    marks: list[Mark] = []
    pictures: list[Path] = []
    for number, (event, answer) in enumerate(answers, 1):
        records.append(record(event, answer))
        if isinstance(answer, NoFaceError):
            continue
        marks.append(Mark(number, event, answer.triple.emotion, answer.apex))
        pictures.append(folder / f"{name}-{number}.png")
        _draw(pictures[-1], f"{name}, event {number}", answer, timeline.source.fps)
    files = [folder / f"{name}{suffix}" for suffix in (".json", ".csv", ".png")]
    tables.write_json(files[0], summary(name, timeline, records))
    write_csv(files[1], records)
    draw_timeline(files[2], name, timeline, marks)
    return records, [*files, *pictures]


def _draw(path: Path, title: str, answer: Recognition, fps: float) -> None:
    picture.draw(
        path,
        before=answer.onset,
        after=answer.apex,
        points=answer.measured.points,
        flow=answer.measured.flows[-1],
        evidence=answer.measured.evidence,
        answer=answer.triple.text,
        emotions=answer.emotions,
        when=f"{title}: onset frame {answer.event.onset}, apex frame {answer.event.apex}, {fps:g} frames per second",
    )


def record(event: Event, answer: Recognition | NoFaceError) -> Record:
    """Return an event and its answer, or the reason why it has none."""
    found: Record = {
        "kind": event.kind,
        "onset": event.onset,
        "apex": event.apex,
        "offset": event.offset,
        "onset_s": round(event.onset_s, 3),
        "apex_s": round(event.apex_s, 3),
        "offset_s": round(event.offset_s, 3),
        "z": None if event.z is None else round(event.z, 3),
        "duration_s": round(event.offset_s - event.onset_s, 3),
    }
    if isinstance(answer, NoFaceError):
        return {**found, "error": str(answer)}
    return {
        **found,
        "category": {"emotion": answer.triple.emotion, "aus": answer.triple.code_texts},
        "confidence": round(answer.confidence, 4),
        "evidence": [sight._asdict() for sight in answer.triple.evidence],
        "rationale": answer.triple.rationale,
        "text": answer.triple.text,
        "head": {
            "emotions": {emotion: round(p, 4) for emotion, p in answer.emotions.items()},
            "units": {str(unit): round(p, 4) for unit, p in answer.units.items()},
        },
        "measured": [_rounded(region._asdict()) for region in answer.measured.evidence],
    }


def _rounded(values: Mapping[str, object]) -> dict[str, object]:
    """Round what is a float to 4 digits."""
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}


def summary(name: str, timeline: Timeline, records: Sequence[Record]) -> dict[str, object]:
    """Return what NAME.json holds: the video, its events, and the spans of blinks, head shakes and missing faces."""
    blinks = [(blink.onset_s, blink.offset_s) for blink in timeline.blinks]
    return {
        "video": name,
        "fps": round(timeline.source.fps, 3),
        "frames": timeline.frames,
        "seconds": round(timeline.seconds, 3),
        "notes": timeline.notes,
        "events": list(records),
        "blinks": _spans(blinks),
        "head_shaken": _spans(timeline.head_shakes),
        "no_face": _spans(timeline.no_face),
    }


def _spans(spans: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [[round(start_s, 3), round(end_s, 3)] for start_s, end_s in spans]


def write_csv(path: Path, records: Iterable[Record]) -> None:
    """Write one row per event, with `COLUMNS`. The file appears once it is complete."""
    with tables.complete(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        rows.writeheader()
        for number, event in enumerate(records, 1):
            category = event.get("category", {"emotion": "", "aus": []})
            answer = {"event": number, "emotion": category["emotion"], "aus": "+".join(category["aus"])}
            rows.writerow({**event, **answer})


def table(records: Iterable[Record]) -> Table:
    """Return the events as a table for the terminal."""
    shown = Table(box=box.SIMPLE, pad_edge=False)
    for title in ("", "kind", "start (s)", "end (s)", "z", "emotion", "probability", "AUs"):
        is_text = title in ("kind", "emotion", "AUs")
        shown.add_column(title, justify="left" if is_text else "right")
    for number, event in enumerate(records, 1):
        z = "–" if event["z"] is None else f"{event['z']:.1f}"
        cells = [str(number), event["kind"], f"{event['onset_s']:.2f}", f"{event['offset_s']:.2f}", z]
        if "error" in event:
            shown.add_row(*cells, "no face at its onset")
        else:
            units = " + ".join(event["category"]["aus"]) or "–"
            shown.add_row(*cells, event["category"]["emotion"], f"{event['confidence']:.2f}", units)
    return shown
