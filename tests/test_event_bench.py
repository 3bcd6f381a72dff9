"""How the bench writes videos and compares what was spotted with the truth."""

from pathlib import Path

import numpy as np
import pytest

from bench import encodings, events, stills
from deft.media import Image, video
from deft.render import videos
from deft.render.conditions import Macro
from deft.render.corpus import FPS


@pytest.fixture(scope="module")
def images() -> list[Image]:
    return list(videos.frames_at(videos.plan(3304, 0, 3.0), range(0, 60, 7)))


@pytest.mark.parametrize("encoding", encodings.ENCODINGS, ids=lambda encoding: encoding.name)
def test_each_encoding_can_be_read_back(images: list[Image], tmp_path: Path, encoding: encodings.Encoding) -> None:
    path = tmp_path / f"video{encoding.suffix}"
    encodings.encode(images, path, encoding, 30)
    frames = list(video.frames(video.open_source(path), lambda number: True))
    assert len(frames) == len(images)
    assert [frame.seconds for frame in frames] == pytest.approx([at / 30 for at in range(len(images))], abs=0.002)
    assert np.abs(frames[-1].image.astype(int) - images[-1]).mean() < 6


def test_no_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        encodings.encode([], tmp_path / "none.mp4", encodings.H264[23])


def test_an_odd_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        encodings.encode([np.zeros((9, 8, 3), np.uint8)], tmp_path / "odd.mp4", encodings.H264[23])


def test_a_perfect_spotter_scores_one() -> None:
    plan = videos.plan(3304, 0, 10.0)
    spotted = events.Spotted(
        [((event.onset / FPS, event.offset / FPS), event.kind) for event in plan.events],
        [(first / FPS, last / FPS) for first, last in plan.blinks],
    )
    row = events.compare(plan, spotted).row()
    assert [row[key] for key in ("precision", "recall", "f1", "overlap", "blinks_f1", "micro_share")] == [1.0] * 6


def test_a_macro_expression_that_is_called_micro_counts_against_the_share() -> None:
    plan = videos.plan(3304, 0, 3.0)
    macro = videos.Event(100, 160, 500, Macro("smile", 0.2, 0.1, 100))
    spotted = events.Spotted([((0.5, 2.5), "micro")], [])
    counts = events.compare(plan._replace(events=(macro,)), spotted)
    assert (counts.hits, counts.micro_spotted, counts.micro_hits) == (1, 1, 0)


def test_an_event_is_matched_once_and_by_its_best_overlap() -> None:
    true = [(1.0, 2.0), (5.0, 6.0)]
    assert events.match([(1.0, 1.6), (1.0, 1.9), (5.4, 7.0)], true, 0.5) == {1: 0}
    assert events.match([(5.4, 7.0)], true, 0.0) == {0: 1}
    assert events.match([(3.0, 4.0)], true, 0.0) == {}


def test_counts_are_pooled_by_sums() -> None:
    one = events.Counts(4, 4, 2, 1.5, 3, 3, 3, 4, 2, 0)
    row = events.pooled([one, one]).row()
    assert (row["expressions"], row["f1"], row["overlap"]) == (8, 0.5, 0.75)


def test_a_still_photograph_does_not_change_and_a_panned_one_moves_as_a_whole(images: list[Image]) -> None:
    still, panned = (list(stills.shown(images[0], 4, 1.0, motion)) for motion in (None, "panned"))
    assert len(still) == len(panned) == 40
    np.testing.assert_array_equal(still[0], still[-1])
    shift = round(stills.PAN_PX)  # after a quarter of the period
    np.testing.assert_allclose(panned[4][:, shift:].astype(int), images[0][:, :-shift], atol=1)
