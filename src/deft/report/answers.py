"""The answers for a video's events, as JSON, as CSV, as pictures and as a table for the terminal."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from rich import box
from rich.table import Table

from deft.core import tables
from deft.core.errors import NoFaceError
from deft.inference import NOT_READABLE, Answer, NotReadable, Recognition
from deft.language import triple
from deft.report import picture
from deft.report.timeline import Mark, cautions, draw_timeline
from deft.spotting import Event, Kind
from deft.spotting.timeline import Person, Timeline

COLUMNS = (
    *("event", "person", "kind", "onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "duration_s", "z"),
    *("head_moving", "speaking", "cut_off", "emotion", "confidence", "aus", "rationale", "error", "note"),
)

MEASURED, READING = "measured", "the model's reading"  # where a piece of evidence comes from


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

    ``person`` counts from 1. ``z`` is in multiples of the noise, or null if the event's frames were given. The head
    shakes, the lips speak, or the event is cut off where ``head_moving``, ``speaking`` or ``cut_off`` say so.
    ``measured`` holds what was measured by region, in crop pixels. ``evidence`` holds the model's words; the ``source``
    of each entry is `MEASURED` if direction and level are those of ``measured``, otherwise `READING`.
    """

    person: int
    kind: Kind
    onset: int
    apex: int
    offset: int
    onset_s: float
    apex_s: float
    offset_s: float
    z: float | None
    duration_s: float
    head_moving: bool
    speaking: bool
    cut_off: bool
    category: NotRequired[Category]
    confidence: NotRequired[float]
    evidence: NotRequired[list[dict[str, object]]]
    rationale: NotRequired[str]
    text: NotRequired[str]
    head: NotRequired[Head]
    measured: NotRequired[list[dict[str, object]]]
    error: NotRequired[str]


def write(
    folder: Path, name: str, timeline: Timeline, answers: Iterable[tuple[Event, Answer]], note: str | None
) -> tuple[list[Record], list[Path]]:
    """Write NAME.json, NAME.csv, the timeline NAME.png, and NAME-1.png … for each event.

    Each of them carries the ``note`` on the model (`deft.inference.Recogniser`), if there is one. Returns the events'
    records, and the files in this order.
    """
    records: list[Record] = []
    marks: list[Mark] = []
    pictures: list[Path] = []
    for number, (event, answer) in enumerate(answers, 1):
        records.append(record(event, answer))
        if isinstance(answer, NoFaceError):
            continue
        word = answer.triple.emotion if isinstance(answer, Recognition) else "not readable"
        marks.append(Mark(number, event, word, answer.measured.crops[event.apex]))
        pictures.append(folder / f"{name}-{number}.png")
        whose = f", person {event.person}" if len(timeline.people) > 1 else ""
        _draw(pictures[-1], f"{name}, event {number}{whose}", answer, timeline.source.fps, note)
    files = [folder / f"{name}{suffix}" for suffix in (".json", ".csv", ".png")]
    tables.write_json(files[0], summary(name, timeline, records, note))
    write_csv(files[1], records, note)
    draw_timeline(files[2], name, timeline, marks, note)
    return records, [*files, *pictures]


def _draw(path: Path, title: str, answer: Recognition | NotReadable, fps: float, note: str | None) -> None:
    event, measured = answer.event, answer.measured
    when = f"{title}: onset frame {event.onset}, apex frame {event.apex}, {fps:g} frames per second"
    words = cautions(event.head_moving, event.speaking, event.cut_off)
    picture.draw(
        path,
        before=measured.crops[event.onset],
        after=measured.crops[event.apex],
        points=measured.points,
        flow=measured.flows[-1],
        evidence=measured.evidence,
        answer=_text(answer),
        emotions=answer.emotions if isinstance(answer, Recognition) else {},
        when=f"{when}; {words}" if words else when,
        note=note,
    )


def _text(answer: Recognition | NotReadable) -> str:
    """Return an answer as text; evidence that is not as it was measured is marked."""
    if isinstance(answer, NotReadable):
        return f"Category: {NOT_READABLE}"
    sights = zip(answer.triple.evidence, answer.as_measured, strict=True)
    evidence = "; ".join(sight.text if measured else f"{sight.text} ({READING})" for sight, measured in sights)
    _, rest = answer.triple.text.split("\n", 1)
    return f"Evidence: {evidence or triple.NOTHING}.\n{rest}"


def record(event: Event, answer: Answer) -> Record:
    """Return an event and its answer, or the reason why it has none."""
    found: Record = {
        "person": event.person,
        "kind": event.kind,
        "onset": event.onset,
        "apex": event.apex,
        "offset": event.offset,
        "onset_s": round(event.onset_s, 3),
        "apex_s": round(event.apex_s, 3),
        "offset_s": round(event.offset_s, 3),
        "z": None if event.z is None else round(event.z, 3),
        "duration_s": round(event.offset_s - event.onset_s, 3),
        "head_moving": event.head_moving,
        "speaking": event.speaking,
        "cut_off": event.cut_off,
    }
    if isinstance(answer, NoFaceError):
        return {**found, "error": str(answer)}
    found["measured"] = [_rounded(region._asdict()) for region in answer.measured.evidence]
    if isinstance(answer, NotReadable):
        return {**found, "error": NOT_READABLE}
    sights = zip(answer.triple.evidence, answer.as_measured, strict=True)
    return {
        **found,
        "category": {"emotion": answer.triple.emotion, "aus": answer.triple.code_texts},
        "confidence": round(answer.confidence, 4),
        "evidence": [{**sight._asdict(), "source": MEASURED if measured else READING} for sight, measured in sights],
        "rationale": answer.triple.rationale,
        "text": answer.triple.text,
        "head": {
            "emotions": {emotion: round(p, 4) for emotion, p in answer.emotions.items()},
            "units": {str(unit): round(p, 4) for unit, p in answer.units.items()},
        },
    }


def _rounded(values: Mapping[str, object]) -> dict[str, object]:
    """Round what is a float to 4 digits."""
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}


def summary(name: str, timeline: Timeline, records: Sequence[Record], note: str | None) -> dict[str, object]:
    """Return what NAME.json holds: the video, its events, and spans by person.

    ``note`` is on the model; it is null if there is none. ``notes`` are on the video.
    """
    return {
        "video": name,
        "fps": round(timeline.source.fps, 3),
        "frames": timeline.frames,
        "seconds": round(timeline.seconds, 3),
        "note": note,
        "notes": timeline.notes,
        "events": list(records),
        "people": [_spans_of(person) for person in timeline.people],
    }


def _spans_of(person: Person) -> dict[str, object]:
    """Return a person's spans: the beginnings and ends, in seconds."""
    return {
        "person": person.number,
        "blinks": _spans((blink.onset_s, blink.offset_s) for blink in person.blinks),
        "head_shaken": _spans(person.head_shakes),
        "speech": _spans(person.speech),
        "no_face": _spans(person.no_face),
        "too_short": _spans(person.too_short),
    }


def _spans(spans: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [[round(start_s, 3), round(end_s, 3)] for start_s, end_s in spans]


def write_csv(path: Path, records: Iterable[Record], note: str | None) -> None:
    """Write one row per event, with `COLUMNS`; each carries the note. The file appears once it is complete."""
    with tables.complete(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        rows.writeheader()
        for number, event in enumerate(records, 1):
            category = event.get("category", {"emotion": "", "aus": []})
            answer = {"event": number, "emotion": category["emotion"], "aus": "+".join(category["aus"])}
            rows.writerow({**event, **answer, "note": note or ""})


def table(records: Sequence[Record]) -> Table:
    """Return the events as a table for the terminal; people are named only if there are several."""
    several = len({event["person"] for event in records}) > 1
    shown = Table(box=box.SIMPLE, pad_edge=False)
    people = ["person"] if several else []
    for title in ("", *people, "kind", "start (s)", "end (s)", "z", "emotion", "probability", "AUs", ""):
        is_number = title in ("person", "start (s)", "end (s)", "z", "probability")
        shown.add_column(title, justify="right" if is_number or not shown.columns else "left", no_wrap=is_number)
    for number, event in enumerate(records, 1):
        person = [str(event["person"])] if several else []
        z = "–" if event["z"] is None else f"{event['z']:.1f}"
        when = [event["kind"], f"{event['onset_s']:.2f}", f"{event['offset_s']:.2f}", z]
        words = cautions(event["head_moving"], event["speaking"], event["cut_off"])
        shown.add_row(str(number), *person, *when, *_answer_cells(event), words)
    return shown


def _answer_cells(event: Record) -> tuple[str, str, str]:
    """Return emotion, probability and Action Units of an event, as they stand in the table."""
    if "error" in event:
        return "not readable" if event["error"] == NOT_READABLE else "no face at its onset", "", ""
    category = event["category"]
    return category["emotion"], f"{event['confidence']:.2f}", " + ".join(category["aus"]) or "–"
