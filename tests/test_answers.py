"""What `deft predict` and `deft demo` write, from answers that are made by hand: no model is needed."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import matplotlib.image
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from deft import inference, measure
from deft.cli import app
from deft.core.errors import DataError, NoFaceError
from deft.core.params import Crop, Spotting
from deft.face import Points, mesh
from deft.facs.codes import Code
from deft.facs.regions import REGIONS
from deft.inference import DRAWN_FACES, NOT_READABLE, Answer, NotReadable, Recogniser, Recognition
from deft.language import triple
from deft.language.triple import Sight
from deft.media import Image, video
from deft.models.deft import store
from deft.motion.evidence import Evidence
from deft.report import answers, picture, video_page
from deft.spotting import Event, Spotter
from deft.spotting import timeline as spotting
from deft.spotting.people import People
from deft.spotting.timeline import Person, Span, Timeline

THRESHOLD = 8.0
SMILE = Sight("right mouth corner", "up", "strong", "late")
IMAGINED = Sight("chin", "up", "clear", "late")


def event(person: int = 1, onset: int = 10) -> Event:
    moments = (onset, onset + 3, onset + 6)
    seconds = (onset / 10, onset / 10 + 0.3, onset / 10 + 0.6)
    return Event("macro", *moments, *seconds, 12.0, noise=0.001, person=person)


def person(number: int, *events: Event) -> Person:
    curve = [(at / 10, 2.0) for at in range(50)]
    return Person(number, list(events), [event(number, 30)], [Span(1, 2)], [Span(2, 3)], [Span(4, 5)], [], curve)


def timeline(*people: Person) -> Timeline:
    return Timeline(video.Source(Path("video.mp4"), (), 10.0, 50), 50, 5.0, list(people), THRESHOLD)


def region(name: str, level: str) -> Evidence:
    z = 1.0 if level == "none" else 20.0
    return Evidence(name, 0.0, -1.0, 0.0, 1.0, 1.0, z, "up", 1.0, 0.0, level, 0.5, 0.9, 0.1)


@pytest.fixture
def measured(crop: Image, points: Points) -> measure.Measured:
    """One mouth corner moves up."""
    evidence = [region(name, "strong" if name == SMILE.region else "none") for name in REGIONS]
    crops = {onset + step: crop for onset in (10, 20) for step in (0, 3, 6)}
    return measure.Measured(crops, points, np.zeros((1, 256, 256, 2), np.float32), evidence, {})


@pytest.fixture
def still(measured: measure.Measured) -> measure.Measured:
    return measured._replace(evidence=[region(name, "none") for name in REGIONS])


def recognition(at: Event, measured: measure.Measured) -> Recognition:
    """An answer with a sight that was measured, and with one that was not."""
    words = triple.write("happiness", [(Code(12, "R"), [SMILE])], [IMAGINED])
    return Recognition(at, words, {"happiness": 0.7, "disgust": 0.3}, {12: 0.9}, measured)


def written(folder: Path, spotted: Timeline, found: list[Answer], note: str | None = None) -> dict[str, Any]:
    answers.write(folder, "video", spotted, zip(spotted.events, found, strict=True), note)
    content: dict[str, Any] = json.loads((folder / "video.json").read_text(encoding="utf-8"))
    return content


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "video.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def printed(*pairs: tuple[Event, Answer]) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(answers.table([answers.record(*pair) for pair in pairs]))
    return capture.get()


def test_an_event_in_which_nothing_stands_out_is_not_readable(tmp_path: Path, still: measure.Measured) -> None:
    at = event()
    content = written(tmp_path, timeline(person(1, at)), [NotReadable(at, still)])
    (record,) = content["events"]
    assert record["error"] == NOT_READABLE == "not readable: nothing stands out against this event's noise"
    assert "category" not in record
    assert len(record["measured"]) == len(REGIONS)
    (row,) = rows(tmp_path)
    assert (row["error"], row["emotion"], row["aus"]) == (NOT_READABLE, "", "")
    assert "not readable" in printed((at, NotReadable(at, still)))
    assert matplotlib.image.imread(tmp_path / "video-1.png").shape[1] == 1600
    page = video_page.html("video", timeline(person(1, at)), [(at, NotReadable(at, still))], None)
    assert "Not readable: nothing stands out against this event&#39;s noise." in page
    assert "Rationale" not in page


def test_evidence_that_was_not_measured_is_marked_as_the_models_reading(
    tmp_path: Path, measured: measure.Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = event()
    answer = recognition(at, measured)
    assert answer.as_measured == [True, False]
    drawn: list[str] = []
    monkeypatch.setattr(picture, "draw", lambda *_, **named: drawn.append(named["answer"]))
    (record,) = written(tmp_path, timeline(person(1, at)), [answer])["events"]
    assert [each["source"] for each in record["evidence"]] == ["measured", "the model's reading"]
    assert f"Evidence: {SMILE.text}; {IMAGINED.text} (the model's reading).\nRationale" in drawn[0]
    page = video_page.html("video", timeline(person(1, at)), [(at, answer)], None)
    assert f"<span>{SMILE.text}</span></div>" in page
    assert f"<span>{IMAGINED.text}</span> <small>the model’s reading; measured: still</small>" in page


def test_every_output_says_whose_event_it_is(tmp_path: Path, measured: measure.Measured) -> None:
    one, other = event(1), event(2, 20)
    spotted = timeline(person(1, one), person(2, other))
    found: list[Answer] = [recognition(one, measured), recognition(other, measured)]
    content = written(tmp_path, spotted, found)
    assert [each["person"] for each in content["events"]] == [1, 2]
    assert [row["person"] for row in rows(tmp_path)] == ["1", "2"]
    pairs = list(zip([one, other], found, strict=True))
    assert "person" in printed(*pairs)
    page = video_page.html("video", spotted, pairs, None)
    assert "<h3>Person 2</h3>" in page
    assert "<span>person 2</span>" in page


def test_people_are_not_numbered_where_there_is_one(measured: measure.Measured) -> None:
    at = event()
    pair = (at, recognition(at, measured))
    assert "person" not in printed(pair)
    assert "erson 1" not in video_page.html("video", timeline(person(1, at)), [pair], None)


def test_the_summary_holds_each_persons_spans(tmp_path: Path) -> None:
    assert written(tmp_path, timeline(person(1), person(3)), [])["people"] == [
        {
            "person": number,
            "blinks": [[3.0, 3.6]],
            "head_shaken": [[1, 2]],
            "speech": [[2, 3]],
            "no_face": [[4, 5]],
            "too_short": [],
        }
        for number in (1, 3)
    ]


def test_an_event_in_head_motion_or_speech_or_cut_off_says_so(tmp_path: Path, measured: measure.Measured) -> None:
    clear, doubtful = event(), event(1, 20)._replace(head_moving=True, speaking=True, cut_off=True)
    spotted = timeline(person(1, clear, doubtful))
    found: list[Answer] = [recognition(clear, measured), recognition(doubtful, measured)]
    flags = ("head_moving", "speaking", "cut_off")
    content = written(tmp_path, spotted, found)
    assert [[each[flag] for flag in flags] for each in content["events"]] == [[False] * 3, [True] * 3]
    assert [[row[flag] for flag in flags] for row in rows(tmp_path)] == [["False"] * 3, ["True"] * 3]
    pairs = list(zip([clear, doubtful], found, strict=True))
    for text in (printed(*pairs), video_page.html("video", spotted, pairs, None)):
        assert "head moves, speaks, cut off" in text
    assert "head moves" not in printed(pairs[0])


def test_a_models_note_is_on_everything(
    tmp_path: Path, measured: measure.Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = event()
    spotted, answer = timeline(person(1, at)), recognition(at, measured)
    notes: list[object] = []
    monkeypatch.setattr(picture, "draw", lambda *_, **named: notes.append(named["note"]))
    monkeypatch.setattr(answers, "draw_timeline", lambda *arguments: notes.append(arguments[-1]))
    assert written(tmp_path, spotted, [answer], DRAWN_FACES)["note"] == DRAWN_FACES
    assert [row["note"] for row in rows(tmp_path)] == [DRAWN_FACES]
    assert notes == [DRAWN_FACES, DRAWN_FACES]
    assert DRAWN_FACES in video_page.html("video", spotted, [(at, answer)], DRAWN_FACES)
    assert written(tmp_path, spotted, [answer])["note"] is None
    assert [row["note"] for row in rows(tmp_path)] == [""]


def recogniser(**config: object) -> Recogniser:
    model = SimpleNamespace(config=SimpleNamespace(**config))
    return Recogniser(cast(Any, model), cast(Any, SimpleNamespace(crop=None)), None)


@pytest.mark.parametrize(
    ("datasets", "note"),
    [(("rendered",), DRAWN_FACES), (("casme2",), None), (("casme2", "rendered"), None), ((), None)],
)
def test_only_a_model_that_has_seen_nothing_but_drawn_faces_says_so(
    datasets: tuple[str, ...], note: str | None
) -> None:
    assert recogniser(datasets=datasets).note == note


def test_the_model_is_not_asked_where_nothing_stands_out(
    still: measure.Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[object] = []

    def clip(*arguments: object) -> measure.Measured:
        received.extend(arguments[-2:])
        return still

    monkeypatch.setattr(measure, "clip", clip)
    at = event()._replace(place=(40.0, 50.0))
    outcome = inference._recognise({}, at, recogniser(experts=()))
    assert outcome == NotReadable(at, still)
    assert received == [0.001, (40.0, 50.0)]


def test_the_face_at_the_place_of_an_event_is_cropped(astronaut: Image) -> None:
    large = astronaut[:256, 96:352]
    small = np.asarray(cv2.resize(large, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA))
    both = np.full((256, 420, 3), 90, np.uint8)
    both[:, :256], both[50 : 50 + len(small), 260 : 260 + small.shape[1]] = large, small
    params = Crop(size_px=256, iod_px=80, eye_line=0.38, frames=3)
    x, y = (mesh.landmarks(small).mean(0) + [260, 50]).tolist()
    largest, placed = measure.crop({0: both}, 0, params), measure.crop({0: both}, 0, params, (x, y))
    assert np.allclose(0.6 * placed.matrix[:, :2], largest.matrix[:, :2], atol=0.1)
    assert np.abs(placed.images[0].astype(int) - largest.images[0])[60:200, 60:200].mean() < 12
    with pytest.raises(NoFaceError):
        measure.crop({0: both}, 0, params, (415.0, 5.0))


def test_a_sample_says_where_its_face_is(astronaut: Image) -> None:
    people = People(Crop(size_px=256, iod_px=80, eye_line=0.38, frames=3), largest=False)
    ((frame, faces),) = people.find([video.Frame(0, 0.0, astronaut)])
    ((_, sample),) = people.measure(frame, faces)
    assert sample.place == pytest.approx(mesh.landmarks(astronaut).mean(0).tolist(), abs=2)


def test_a_models_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors", "deft.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "deft.json").write_text(json.dumps({"experts": [], "colour": "blue"}), encoding="utf-8")
    loaded = store.loaded(tmp_path, lambda *_: pytest.fail("its base is loaded"))
    with (
        pytest.raises(DataError, match=r"deft\.json: found another configuration \(.*colour.*\).*tune it again"),
        loaded,
    ):
        pass


@pytest.mark.parametrize(("arguments", "largest"), [([], False), (["--person", "largest"], True)])
def test_predict_looks_at_everyone_or_at_the_largest_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], largest: bool
) -> None:
    @contextmanager
    def load(folder: Path, params: Spotting) -> Iterator[Recogniser]:
        yield recogniser(datasets=("rendered",))

    def spot(source: video.Source, crop: Crop, spotter: Spotter, largest: bool, params: Spotting) -> Timeline:
        whose.append(largest)
        return timeline(person(1))

    whose: list[bool] = []
    (tmp_path / "1.png").touch()
    monkeypatch.setattr(inference, "load", load)
    monkeypatch.setattr(spotting, "spot", spot)
    done = CliRunner().invoke(app, ["predict", str(tmp_path), "--out", str(tmp_path / "out"), *arguments])
    assert done.exit_code == 0, done.output
    assert whose == [largest]
    assert done.output.splitlines()[-1] == DRAWN_FACES


def test_the_timeline_shows_each_person_below_the_other(tmp_path: Path) -> None:
    heights = []
    for people in ([person(1)], [person(1), person(2)], [person(1), person(2), person(3)]):
        written(tmp_path, timeline(*people), [])
        height, width = matplotlib.image.imread(tmp_path / "video.png").shape[:2]
        assert width == 1600
        heights.append(height)
    assert heights[0] < heights[1] < heights[2]
