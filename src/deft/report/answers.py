"""What was found in a film, as JSON, as CSV and in pictures."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from deft.core import tables
from deft.core.errors import NoFaceError
from deft.inference import Recognition
from deft.report import picture, timeline
from deft.spotting.rule import Event
from deft.spotting.timeline import Film

Record = dict[str, Any]

COLUMNS = (
    *("event", "kind", "onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "duration_s", "z"),
    *("emotion", "confidence", "aus", "rationale", "error"),
)


def write(
    folder: Path, name: str, film: Film, recognitions: Iterable[tuple[Event, Recognition | NoFaceError]]
) -> tuple[list[Record], list[Path]]:
    """Write NAME.json, NAME.csv, the timeline NAME.png, and NAME-1.png … for each event.

    Returns the events' records and these files, in this order.
    """
    records, marks, drawn = [], [], []
    for number, (event, recognition) in enumerate(recognitions, 1):
        records.append(record(event, recognition))
        if not isinstance(recognition, NoFaceError):
            marks.append(timeline.Mark(number, event, recognition.triple.emotion, recognition.apex))
            drawn.append(folder / f"{name}-{number}.png")
            _draw(drawn[-1], f"{name}, event {number}", recognition, film.source.fps)
    files = [folder / f"{name}{ending}" for ending in (".json", ".csv", ".png")]
    tables.write_json(files[0], summary(name, film, records))
    write_csv(files[1], records)
    timeline.draw(files[2], name, film, marks)
    return records, [*files, *drawn]


def _draw(path: Path, title: str, recognition: Recognition, fps: float) -> None:
    event = recognition.event
    picture.draw(
        path,
        before=recognition.onset,
        after=recognition.apex,
        points=recognition.measured.points,
        flow=recognition.measured.flows[-1],
        evidence=recognition.measured.evidence,
        answer=recognition.triple.text,
        emotions=recognition.emotions,
        when=f"{title}: onset frame {event.onset}, apex frame {event.apex}, {fps:g} frames a second",
    )


def record(event: Event, recognition: Recognition | NoFaceError) -> Record:
    """One event: frames from 0 and seconds, ``z`` in multiples of the noise (null: its frames were given), the triple,
    the head's probabilities and what was measured, crop pixels; or why it could not be read, ``error``.
    """
    found = event._asdict() | {"duration_s": event.offset_s - event.onset_s}
    found = {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}
    if isinstance(recognition, NoFaceError):
        return found | {"error": str(recognition)}
    return found | {
        "category": {"emotion": recognition.triple.emotion, "aus": recognition.triple.code_texts},
        "confidence": round(recognition.confidence, 4),
        "evidence": [sight._asdict() for sight in recognition.triple.evidence],
        "rationale": recognition.triple.rationale,
        "text": recognition.triple.text,
        "head": {
            "emotions": {name: round(p, 4) for name, p in recognition.emotions.items()},
            "units": {str(unit): round(p, 4) for unit, p in recognition.units.items()},
        },
        "measured": [
            {key: round(value, 4) if isinstance(value, float) else value for key, value in region._asdict().items()}
            for region in recognition.measured.evidence
        ],
    }


def summary(name: str, film: Film, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A film and its events' records: also blinks, and when the head was shaken and no face was seen, in seconds."""
    spans: dict[str, Sequence[Sequence[float]]] = {
        "blinks": [(blink.onset_s, blink.offset_s) for blink in film.blinks],
        "head_shaken": film.shaken,
        "no_face": film.unseen,
    }
    return {
        "video": name,
        "fps": round(film.source.fps, 3),
        "frames": film.frames,
        "seconds": round(film.seconds, 3),
        "notes": film.notes,
        "events": list(events),
        **{key: [[round(at, 3) for at in span] for span in found] for key, found in spans.items()},
    }


def write_csv(path: Path, events: Iterable[Mapping[str, Any]]) -> None:
    """A row an event, in the `COLUMNS`; the file appears when whole."""
    with tables.complete(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        rows.writeheader()
        for number, event in enumerate(events, 1):
            category = event.get("category", {"emotion": "", "aus": []})
            named = {"event": number, "emotion": category["emotion"], "aus": "+".join(category["aus"])}
            rows.writerow({**event, **named})


def table(events: Iterable[Mapping[str, Any]]) -> Table:
    """The events' records for a terminal."""
    shown = Table(box=box.SIMPLE, pad_edge=False)
    for title in ("", "kind", "from s", "to s", "z", "emotion", "p", "Action Units"):
        shown.add_column(title, justify="right" if title in ("", "from s", "to s", "z", "p") else "left")
    for number, event in enumerate(events, 1):
        when = f"{event['onset_s']:.2f}", f"{event['offset_s']:.2f}"
        z = "–" if event["z"] is None else f"{event['z']:.1f}"
        if "error" in event:
            shown.add_row(str(number), event["kind"], *when, z, "no face at its onset")
        else:
            said, p = event["category"], f"{event['confidence']:.2f}"
            shown.add_row(str(number), event["kind"], *when, z, said["emotion"], p, " + ".join(said["aus"]) or "–")
    return shown
