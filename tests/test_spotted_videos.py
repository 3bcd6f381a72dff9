"""Spotting in videos as cameras, phones and accidents make them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_video import write

from deft.core.errors import DataError, NoFaceError
from deft.core.params import Crop
from deft.face import mesh
from deft.media import Image, video
from deft.render import videos
from deft.render.corpus import FPS
from deft.spotting import BLINK, MICRO, Event, Sample, Segment, timeline
from deft.spotting.people import People
from deft.spotting.rule import Rule

EVERY = 3  # every third frame of a rendered video
CROP = Crop(size_px=256, iod_px=80, eye_line=0.38, frames=12)  # but for ``frames`` as in params.yaml
SECONDS = 5.0


@pytest.fixture(scope="session")
def plan() -> videos.VideoPlan:
    return videos.plan(77, 4, SECONDS)


@pytest.fixture(scope="session")
def images(plan: videos.VideoPlan) -> list[Image]:
    return list(videos.frames(plan, EVERY))


def frames(images: Iterable[Image], fps: float = FPS / EVERY) -> Iterator[video.Frame]:
    return (video.Frame(at, at / fps, image) for at, image in enumerate(images))


def spotted(path: Path) -> timeline.Timeline:
    return timeline.spot(video.open_source(path), CROP, Rule(None))


def measured(frames: Iterable[video.Frame]) -> list[Sample]:
    """The samples of the largest face."""
    people = People(CROP, largest=True)
    return [sample for frame, faces in people.find(frames) for _, sample in people.measure(frame, faces)]


def test_the_events_and_the_blinks_of_a_rendered_video_are_found(plan: videos.VideoPlan, images: list[Image]) -> None:
    events = Rule(None).search(measured(frames(images))).events
    expressions = [event for event in events if event.kind != BLINK]
    assert len(expressions) == len(plan.events) > 0
    for event, true in zip(expressions, plan.events, strict=True):
        assert abs(EVERY * event.onset - true.onset) < 0.05 * FPS
        assert abs(EVERY * event.apex - true.apex) < 0.04 * FPS
        assert abs(EVERY * event.offset - true.offset) < 0.06 * FPS
    blinks = [event for event in events if event.kind == BLINK]
    assert len(blinks) == len(plan.blinks) > 0
    for blink, (first, last) in zip(blinks, plan.blinks, strict=True):
        assert first - 6 <= EVERY * blink.apex <= last


class EverySecond:
    """A spotter that takes each whole second for an event."""

    threshold = 1.0

    def search(self, samples: Sequence[Sample]) -> Segment:
        seconds = np.array([sample.seconds for sample in samples])
        events = [Event(MICRO, at, at, at, float(at), float(at), float(at), 2.0) for at in range(int(seconds[-1]) + 1)]
        still = np.zeros(len(seconds))
        return Segment(events, seconds, z=still + 2, head_speed=still, speaking=still > 0)


def test_another_spotter_can_take_the_rules_place(images: list[Image], tmp_path: Path) -> None:
    source = video.open_source(write(tmp_path / "short.mp4", images[:70]))
    result = timeline.spot(source, CROP, spotter=EverySecond())
    assert [event.onset_s for event in result.events] == [0.0, 1.0]
    assert result.threshold == 1.0
    (person,) = result.people
    assert {z for _, z in person.curve} == {2.0}


def test_of_two_people_the_one_with_the_larger_face_is_followed(images: list[Image]) -> None:
    def beside(image: Image) -> Image:
        small = cv2.resize(images[0][80:400, 160:480], None, fx=0.6, fy=0.6)
        both = np.concatenate([image, np.full_like(image[:, :240], 90)], axis=1)
        both[100 : 100 + len(small), 660 : 660 + small.shape[1]] = small
        return np.asarray(both)

    alone, both = (
        [sample.displacement for sample in measured(frames(map(change, images[:70:2])))]
        for change in (lambda image: image, beside)
    )
    assert len(alone) == len(both)
    assert np.abs(np.array(alone) - np.array(both)).max() < 0.01


def test_a_face_that_is_suddenly_elsewhere_is_known_again(images: list[Image]) -> None:
    """As after a cut to another camera."""
    there = [np.roll(image, 200, axis=1) for image in images[:40]]
    people = People(CROP, largest=False)
    numbers = {number for each in people.find(frames(chain(images[:40], there))) for number, _ in people.measure(*each)}
    assert numbers == {1}


def test_a_cut_to_another_face_in_the_same_place_starts_a_track(images: list[Image], astronaut: Image) -> None:
    face = cv2.resize(astronaut[:256, 96:352], (480, 480))
    other = np.zeros_like(images[0])
    other[:, 80:560] = face
    shown = [*images[:30], *repeat(other, 30), *images[30:60]]
    people = People(CROP, largest=False)
    samples = [sample for each in people.find(frames(shown)) for _, sample in people.measure(*each)]
    starts = [sample.frame for sample in samples if sample.starts_track]
    assert starts == pytest.approx([0, 30, 60], abs=1)


def wall(image: Image) -> Image:
    return np.full_like(image, 90)


def landscape(image: Image) -> Image:
    """A sky above a field with furrows."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    sky = np.stack([120 + rows // 6, 160 + rows // 8, 235 - rows // 12], -1)
    field = np.stack([90 + 40 * np.sin(columns / 9), 120 + 30 * np.sin(columns / 9), np.full(rows.shape, 50)], -1)
    return np.where(rows[..., None] < 200, sky, field).astype(np.uint8)


@pytest.mark.parametrize("instead", [wall, np.zeros_like, landscape], ids=["a wall", "black", "a landscape"])
def test_a_face_that_leaves_and_comes_back_is_noted(
    images: list[Image], tmp_path: Path, instead: Callable[[Image], Image]
) -> None:
    empty = instead(images[0])
    path = write(tmp_path / "left.mp4", [*images[:60], *repeat(empty, 90), *images[60:120]])
    result = spotted(path)
    (person,) = result.people
    (gap,) = person.no_face
    assert gap == pytest.approx((1.0, 2.5), abs=0.2)
    assert any("no face from 1.0" in note for note in result.notes)
    assert not any(gap.start_s < event.apex_s < gap.end_s for event in result.events)


def test_a_stream_that_freezes_shows_no_expression_of_its_own(images: list[Image]) -> None:
    def found(shown: Sequence[Image]) -> list[tuple[str, int]]:
        return [(event.kind, event.apex) for event in Rule(None).search(measured(frames(shown))).events]

    freezing = [*images[:20], *repeat(images[20], 100), *images[21:]]
    assert found(freezing) == [(kind, apex + 99) for kind, apex in found(images)]


def test_an_upside_down_video_is_refused(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "overturned.mp4", [np.ascontiguousarray(image[::-1, ::-1]) for image in images[:100]])
    with pytest.raises(DataError, match="faces that stand upside down"):
        spotted(path)


def test_a_face_in_a_large_frame_is_found_where_it_is(images: list[Image]) -> None:
    large = cv2.resize(images[0], None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    apart = mesh.landmarks_in_frame(np.asarray(large)) / 6 - mesh.landmarks_in_frame(images[0])
    assert np.hypot(*apart.T).mean() < 1.5


def test_a_truncated_video_is_read_as_far_as_possible_and_noted(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "whole.mkv", images[:120], codec="mjpeg", pixels="yuvj420p")
    data = path.read_bytes()
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data[: len(data) // 2])
    result = spotted(broken)
    assert 40 < result.frames < 80
    assert any("the file is truncated" in note for note in result.notes)


def test_a_video_of_one_frame_is_refused(images: list[Image], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a single frame"):
        spotted(write(tmp_path / "one.mp4", images[:1]))


def test_a_video_without_a_face_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blank = [rng.integers(0, 40, (240, 320, 3)).astype(np.uint8) for _ in range(9)]
    with pytest.raises(NoFaceError, match="no face in any frame"):
        spotted(write(tmp_path / "wall.mp4", blank))


def test_the_curve_keeps_the_largest_value_of_each_interval_at_its_own_time() -> None:
    seconds, z = 0.01 + np.arange(10) / 20, np.array([1.0, 0, 0, 5, 0, 0, 2, 3, 0, 0])
    still = np.zeros(10)
    segment = Segment(events=[], seconds=seconds, z=z, head_speed=still, speaking=still > 0)
    assert timeline._curve(segment) == [(0.01, 1.0), (0.16, 5.0), (0.21, 0.0), (0.36, 3.0), (0.41, 0.0)]
