from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deft.facs.regions import REGIONS
from deft.spotting import BLINK, MACRO, MICRO, Event, Sample, rule

FPS = 60
NOISE = 0.0002  # eye distances
OUTWARD, UPWARD, OPENING = range(3)
Displacement = dict[tuple[str, int], float]  # (region, axis) → eye distances

SMILE: Displacement = {(f"{side} mouth corner", axis): 0.01 for side in ("right", "left") for axis in (OUTWARD, UPWARD)}
FROWN: Displacement = {(f"{side} inner brow", UPWARD): -0.01 for side in ("right", "left")}
SHUT: Displacement = {
    (f"{side} eye", axis): size for side in ("right", "left") for axis, size in ((UPWARD, -0.02), (OPENING, -0.035))
}
GLANCE: Displacement = {
    (f"{side} eye", axis): size for side in ("right", "left") for axis, size in ((OUTWARD, 0.02), (UPWARD, 0.005))
}


def bump(start: float, rise: float, hold: float, fall: float) -> Callable[[float], float]:
    return lambda at: float(np.interp(at, np.cumsum([start, rise, hold, fall]), [0, 1, 1, 0]))


def video(seconds: float, *expressions: tuple[Displacement, Callable[[float], float]], seed: int = 0) -> list[Sample]:
    """Return the samples of a still face with noise, and of its expressions with their strength over time."""
    rng = np.random.default_rng(seed)
    samples = []
    for frame in range(round(seconds * FPS)):
        displacement = rng.normal(0, NOISE, (len(REGIONS), 3)) * (frame > 0)  # (17, 3)
        for apex, strength in expressions:
            for (region, axis), size in apex.items():
                displacement[REGIONS.index(region), axis] += size * strength(frame / FPS)
        samples.append(
            Sample(frame, frame / FPS, displacement.astype(np.float32), NOISE, 0.0, 0.0, starts_track=frame == 0)
        )
    return samples


def events(samples: Sequence[Sample]) -> list[Event]:
    return [event for segment in rule.search(samples) for event in segment.events]


def test_an_expression_is_found_from_where_it_begins_to_where_it_ends() -> None:
    (event,) = events(video(6, (SMILE, bump(3, 0.1, 0.05, 0.15))))
    assert event.kind == MICRO
    assert (event.onset_s, event.offset_s) == pytest.approx((3.0, 3.3), abs=0.03)
    assert 3.09 <= event.apex_s <= 3.16
    assert (event.onset, event.apex, event.offset) == (
        round(event.onset_s * FPS), round(event.apex_s * FPS), round(event.offset_s * FPS)
    )  # fmt: skip


def test_an_expressions_strength_is_that_of_two_regions_in_multiples_of_their_noise() -> None:
    (event,) = events(video(6, (SMILE, bump(3, 0.1, 0.05, 0.15))))
    assert event.z == pytest.approx(np.hypot(0.01, 0.01) / (2.3 * NOISE), rel=0.1)


def test_what_lasts_half_a_second_is_a_macro_expression() -> None:
    (event,) = events(video(12, (SMILE, bump(4, 0.3, 2, 0.4))))
    assert event.kind == MACRO
    assert (event.onset_s, event.offset_s) == pytest.approx((4.0, 6.7), abs=0.06)


def test_expressions_one_after_the_other_are_separate_events() -> None:
    found = events(
        video(8, (SMILE, bump(2, 0.1, 0, 0.15)), (FROWN, bump(2.8, 0.1, 0, 0.15)), (SMILE, bump(5, 0.1, 0, 0.1)))
    )
    assert [round(event.apex_s, 1) for event in found] == [2.1, 2.9, 5.1]


def test_a_blink_is_not_an_expression() -> None:
    (event,) = events(video(6, (SHUT, bump(3, 0.07, 0.02, 0.13))))
    assert event.kind == BLINK


def test_a_blink_during_which_the_eyes_turn_is_a_blink() -> None:
    turned = {(f"{side} eye", OUTWARD): 0.15 for side in ("right", "left")}
    (event,) = events(video(6, (SHUT | turned, bump(3, 0.07, 0.02, 0.13))))
    assert event.kind == BLINK
    assert (event.onset_s, event.offset_s) == pytest.approx((3.0, 3.22), abs=0.03)


def test_an_expression_during_a_blink_is_found_too() -> None:
    found = events(video(8, (SHUT, bump(3.1, 0.07, 0.02, 0.13)), (FROWN, bump(3, 0.15, 0.1, 0.2))))
    assert MICRO in {event.kind for event in found}


def test_gaze_is_no_event() -> None:
    assert events(video(6, (GLANCE, bump(2, 0.03, 2, 0.03)))) == []


def test_a_slow_drift_is_no_event() -> None:
    assert events(video(20, (SMILE, lambda at: at / 20))) == []


def test_a_still_face_shows_nothing() -> None:
    assert events(video(20)) == []


def test_a_video_that_ends_at_the_apex_ends_the_event() -> None:
    (event,) = events(video(3, (SMILE, bump(2.6, 0.3, 1, 1))))
    assert event.offset == round(3 * FPS) - 1


def test_the_expression_in_a_clip_cut_to_it_is_found() -> None:
    (event,) = events(video(0.4, (SMILE, bump(0.02, 0.15, 0.03, 0.2))))
    assert event.kind == MICRO


def test_motion_in_a_noisy_frame_while_the_head_moves_is_no_event() -> None:
    moving = [
        sample._replace(noise=20 * NOISE, head_shift=0.5) if 2.8 < sample.seconds < 3.5 else sample
        for sample in video(6, (FROWN, bump(3, 0.1, 0.05, 0.15)))
    ]
    assert events(moving) == []


def test_no_event_spans_a_gap() -> None:
    before, after = video(3, (SMILE, bump(2.9, 0.2, 1, 1))), video(3, seed=1)
    later = [sample._replace(frame=sample.frame + 600, seconds=sample.seconds + 10) for sample in after]
    (found,) = events([*before, *later])
    assert found.offset < 3 * FPS


@settings(max_examples=10)
@given(st.lists(st.floats(3, 75), max_size=8), st.integers(0, 3))
def test_the_events_found_do_not_depend_on_the_length_of_the_blocks(starts: list[float], seed: int) -> None:
    apart = [at for at, before in zip(sorted(starts), [-9.0, *sorted(starts)], strict=False) if at - before > 1]
    samples = video(80, *((FROWN, bump(at, 0.1, 0.05, 0.15)) for at in apart), seed=seed)
    (whole,) = rule.search(samples)
    segments = list(rule.search(samples, block_s=5.0))
    assert len(segments) > 5
    assert [event[:4] for segment in segments for event in segment.events] == [event[:4] for event in whole.events]
    assert np.concatenate([segment.seconds for segment in segments]).tolist() == whole.seconds.tolist()
