from collections.abc import Callable, Sequence
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deft.facs.regions import REGIONS
from deft.spotting import rule
from deft.spotting.rule import BLINK, MACRO, MICRO, Event
from deft.spotting.trajectory import Sample

FPS = 60
NOISE = 0.0002  # eye distances
OUT, UP, OPENING = range(3)
Way = dict[tuple[str, int], float]

SMILE: Way = {(f"{side} mouth corner", way): 0.01 for side in ("right", "left") for way in (OUT, UP)}
FROWN: Way = {(f"{side} inner brow", UP): -0.01 for side in ("right", "left")}
SHUT: Way = {(f"{side} eye", way): size for side in ("right", "left") for way, size in ((UP, -0.02), (OPENING, -0.035))}
GLANCE: Way = {(f"{side} eye", way): size for side in ("right", "left") for way, size in ((OUT, 0.02), (UP, 0.005))}


def bump(start: float, rise: float, hold: float, fall: float) -> Callable[[float], float]:
    return lambda at: float(np.interp(at, np.cumsum([start, rise, hold, fall]), [0, 1, 1, 0]))


def film(seconds: float, *shown: tuple[Way, Callable[[float], float]], seed: int = 0) -> list[Sample]:
    """Samples of a still face with noise that shows ways over time."""
    rng, found = np.random.default_rng(seed), []
    for frame in range(round(seconds * FPS)):
        moved = rng.normal(0, NOISE, (len(REGIONS), 3)) * (frame > 0)
        for way, course in shown:
            for (region, axis), size in way.items():
                moved[REGIONS.index(region), axis] += size * course(frame / FPS)
        found.append(Sample(frame, frame / FPS, moved.astype(np.float32), NOISE, 0.0, 0.0, begins=frame == 0))
    return found


def events(samples: Sequence[Sample]) -> list[Event]:
    return [event for part in rule.search(samples) for event in part.events]


def test_an_expression_is_found_from_where_it_begins_to_where_it_ends() -> None:
    (found,) = events(film(6, (SMILE, bump(3, 0.1, 0.05, 0.15))))
    assert found.kind == MICRO
    assert (found.onset_s, found.offset_s) == pytest.approx((3.0, 3.3), abs=0.03)
    assert 3.09 <= found.apex_s <= 3.16
    assert (found.onset, found.apex, found.offset) == (
        round(found.onset_s * FPS), round(found.apex_s * FPS), round(found.offset_s * FPS)
    )  # fmt: skip


def test_its_strength_is_that_of_two_regions_over_what_noise_would_show_of_them() -> None:
    (found,) = events(film(6, (SMILE, bump(3, 0.1, 0.05, 0.15))))
    assert found.z == pytest.approx(np.hypot(0.01, 0.01) / (2.3 * NOISE), rel=0.1)


def test_what_lasts_half_a_second_is_a_macro_expression() -> None:
    (found,) = events(film(12, (SMILE, bump(4, 0.3, 2, 0.4))))
    assert found.kind == MACRO
    assert (found.onset_s, found.offset_s) == pytest.approx((4.0, 6.7), abs=0.06)


def test_expressions_one_after_the_other_are_told_apart() -> None:
    found = events(
        film(8, (SMILE, bump(2, 0.1, 0, 0.15)), (FROWN, bump(2.8, 0.1, 0, 0.15)), (SMILE, bump(5, 0.1, 0, 0.1)))
    )
    assert [round(event.apex_s, 1) for event in found] == [2.1, 2.9, 5.1]


def test_a_blink_is_set_apart() -> None:
    (found,) = events(film(6, (SHUT, bump(3, 0.07, 0.02, 0.13))))
    assert found.kind == BLINK


def test_a_blink_with_which_the_eyes_turn_is_one_too() -> None:
    turned = {(f"{side} eye", OUT): 0.15 for side in ("right", "left")}
    (found,) = events(film(6, (SHUT | turned, bump(3, 0.07, 0.02, 0.13))))
    assert found.kind == BLINK
    assert (found.onset_s, found.offset_s) == pytest.approx((3.0, 3.22), abs=0.03)


def test_an_expression_in_a_blink_is_found_beside_it() -> None:
    found = events(film(8, (SHUT, bump(3.1, 0.07, 0.02, 0.13)), (FROWN, bump(3, 0.15, 0.1, 0.2))))
    assert MICRO in {event.kind for event in found}


def test_gaze_is_no_event() -> None:
    assert events(film(6, (GLANCE, bump(2, 0.03, 2, 0.03)))) == []


def test_a_slow_drift_is_no_event() -> None:
    assert events(film(20, (SMILE, lambda at: at / 20))) == []


def test_a_still_face_shows_nothing() -> None:
    assert events(film(20)) == []


def test_a_film_that_ends_at_the_apex_ends_the_event() -> None:
    (found,) = events(film(3, (SMILE, bump(2.6, 0.3, 1, 1))))
    assert found.offset == round(3 * FPS) - 1


def test_a_clip_cut_to_its_expression_shows_it() -> None:
    (found,) = events(film(0.4, (SMILE, bump(0.02, 0.15, 0.03, 0.2))))
    assert found.kind == MICRO


def test_motion_that_the_picture_shows_while_the_head_moves_is_doubted() -> None:
    moving = [
        sample._replace(noise=20 * NOISE, head=0.5) if 2.8 < sample.seconds < 3.5 else sample
        for sample in film(6, (FROWN, bump(3, 0.1, 0.05, 0.15)))
    ]
    assert events(moving) == []


def test_nothing_spans_a_gap() -> None:
    before, after = film(3, (SMILE, bump(2.9, 0.2, 1, 1))), film(3, seed=1)
    later = [sample._replace(frame=sample.frame + 600, seconds=sample.seconds + 10) for sample in after]
    (found,) = events([*before, *later])
    assert found.offset < 3 * FPS


@settings(max_examples=10)
@given(st.lists(st.floats(3, 75), max_size=8), st.integers(0, 3))
def test_what_is_found_does_not_depend_on_the_blocks_in_which_it_is_sought(starts: list[float], seed: int) -> None:
    apart = [at for at, before in zip(sorted(starts), [-9.0, *sorted(starts)], strict=False) if at - before > 1]
    samples = film(80, *((FROWN, bump(at, 0.1, 0.05, 0.15)) for at in apart), seed=seed)
    (whole,) = rule.search(samples)
    with patch.object(rule, "BLOCK_S", 5.0):
        parts = list(rule.search(samples))
    assert len(parts) > 5
    assert [event[:4] for part in parts for event in part.events] == [event[:4] for event in whole.events]
    assert np.concatenate([part.seconds for part in parts]).tolist() == whole.seconds.tolist()
