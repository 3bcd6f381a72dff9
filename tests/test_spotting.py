from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deft.facs.regions import REGIONS
from deft.prior import Answers, Prior, layout
from deft.spotting import BLINK, MACRO, MICRO, Event, Sample, Segment, rule
from deft.spotting.rule import Rule
from deft.spotting.strength import DROWNED
from deft.spotting.stretches import Searcher

FPS = 60
NOISE = 0.0004  # eye distances
STILL_FIELD = np.zeros((2, layout.GRID, layout.GRID), np.float16)
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
            Sample(
                frame=frame,
                seconds=frame / FPS,
                displacement=displacement.astype(np.float32),
                mesh=displacement.astype(np.float32),
                field=STILL_FIELD,
                aperture=np.full(2, 0.3, np.float32),
                lips=0.02,
                noise=NOISE * (frame > 0),
                fit=1.0,
                region_fits=np.ones(len(REGIONS), np.float32),
                head_shift=0.0,
                head_speed=0.0,
                intra=frame == 0,
                starts_track=frame == 0,
            )
        )
    return samples


def shut(samples: Sequence[Sample], closed: Callable[[float], float]) -> list[Sample]:
    """Return samples in which the lids close by a share over time."""
    return [sample._replace(aperture=np.float32(1 - closed(sample.seconds)) * sample.aperture) for sample in samples]


def events(samples: Sequence[Sample]) -> list[Event]:
    return Rule(None).search(samples).events


def test_an_expression_is_found_from_where_it_begins_to_where_it_ends() -> None:
    (event,) = events(video(6, (SMILE, bump(3, 0.1, 0.05, 0.15))))
    assert event.kind == MICRO
    assert (event.onset_s, event.offset_s) == pytest.approx((3.0, 3.3), abs=0.03)
    assert 3.09 <= event.apex_s <= 3.16
    assert (event.onset, event.apex, event.offset) == (
        round(event.onset_s * FPS), round(event.apex_s * FPS), round(event.offset_s * FPS)
    )  # fmt: skip


def test_what_lasts_half_a_second_is_a_macro_expression() -> None:
    (event,) = events(video(12, (SMILE, bump(4, 0.3, 2, 0.4))))
    assert event.kind == MACRO
    assert (event.onset_s, event.offset_s) == pytest.approx((4.0, 6.7), abs=0.12)


def test_expressions_one_after_the_other_are_separate_events() -> None:
    found = events(
        video(8, (SMILE, bump(2, 0.1, 0, 0.15)), (FROWN, bump(2.8, 0.1, 0, 0.15)), (SMILE, bump(5, 0.1, 0, 0.1)))
    )
    assert [round(event.apex_s, 1) for event in found] == [2.1, 2.9, 5.1]


def test_events_that_touch_without_rest_between_are_one() -> None:
    z = np.full(60, 20.0)
    z[25], z[40] = 30.0, 0.0
    extents = [rule._Extent(*span) for span in ((20, 25, 30), (10, 15, 20), (40, 45, 50), (31, 35, 40))]
    assert rule._merged(extents, z, rest=3.0) == [(10, 25, 40), (40, 45, 50)]


def test_lids_that_two_frames_caught_half_closed_are_a_blink() -> None:
    closing = bump(3, 0.07, 0.02, 0.13)
    (event,) = events(shut(video(6, (SHUT, closing)), lambda at: 0.29 * closing(at)))
    assert event.kind == BLINK


def test_an_event_ends_where_its_motion_is_lost_in_the_noise() -> None:
    lasting = [
        (FROWN, bump(3, 0.1, 0.1, 0.1)),
        ({place: 0.4 * size for place, size in FROWN.items()}, bump(2, 1, 1, 1)),
    ]
    noisy = [sample._replace(noise=3.5 * sample.noise) for sample in video(8, *lasting)]
    (event,) = events(noisy)
    assert event.offset_s - event.onset_s < 1  # and not while the face, slowly, is still on its way back


def test_a_face_in_a_single_frame_shows_nothing() -> None:
    assert events(video(1 / FPS)) == []


def test_a_blink_is_not_an_expression() -> None:
    (event,) = events(shut(video(6, (SHUT, bump(3, 0.07, 0.02, 0.13))), bump(3, 0.07, 0.02, 0.13)))
    assert event.kind == BLINK
    assert (event.onset_s, event.offset_s) == pytest.approx((3.0, 3.22), abs=0.05)


def test_a_blink_during_which_the_eyes_turn_is_a_blink() -> None:
    turned = {(f"{side} eye", OUTWARD): 0.15 for side in ("right", "left")}
    (event,) = events(shut(video(6, (SHUT | turned, bump(3, 0.07, 0.02, 0.13))), bump(3, 0.07, 0.02, 0.13)))
    assert event.kind == BLINK


def test_eyes_that_stay_closed_are_no_blink() -> None:
    closed = shut(video(8), bump(3, 0.1, 2, 0.1))
    assert events(closed) == []


def test_one_eye_that_closes_is_no_blink() -> None:
    both = shut(video(6), bump(3, 0.07, 0.02, 0.13))
    wink = [sample._replace(aperture=np.array([sample.aperture[0], 0.3], np.float32)) for sample in both]
    assert events(wink) == []


def test_an_expression_during_a_blink_is_found_too() -> None:
    moving = video(8, (SHUT, bump(3.1, 0.07, 0.02, 0.13)), (FROWN, bump(3, 0.15, 0.1, 0.2)))
    found = events(shut(moving, bump(3.1, 0.07, 0.02, 0.13)))
    assert {event.kind for event in found} == {BLINK, MICRO}


def test_no_expression_begins_in_a_closed_eye() -> None:
    moving = video(8, (SHUT, bump(3.0, 0.07, 0.02, 0.13)), (FROWN, bump(3.1, 0.15, 0.1, 0.2)))
    found = {event.kind == BLINK: event for event in events(shut(moving, bump(3.0, 0.07, 0.02, 0.13)))}
    blink, expression = found[True], found[False]
    assert expression.onset_s <= blink.onset_s


def test_where_flow_loses_the_mouth_the_mesh_leads() -> None:
    """The mesh moves by 0.1 eye distances, flow by nothing, and the pictures show that flow is wrong."""
    wide = {place: 10 * size for place, size in SMILE.items()}
    lost = [
        flow._replace(mesh=mesh.displacement, region_fits=np.full(len(REGIONS), 0.3, np.float32))
        for flow, mesh in zip(video(12), video(12, (wide, bump(4, 0.4, 2, 0.5))), strict=True)
    ]
    (event,) = events(lost)
    assert event.kind == MACRO
    assert (event.onset_s, event.offset_s) == pytest.approx((4.0, 6.9), abs=0.2)


def test_where_flow_fits_the_mesh_is_not_believed() -> None:
    wide = {place: 10 * size for place, size in SMILE.items()}
    fitting = [
        flow._replace(mesh=mesh.displacement)
        for flow, mesh in zip(video(12), video(12, (wide, bump(4, 0.4, 2, 0.5))), strict=True)
    ]
    assert events(fitting) == []


def test_a_picture_that_is_made_anew_is_no_expression() -> None:
    """From a key frame on everything lies elsewhere: a codec's picture is made anew, and no face moves so suddenly."""
    step = [
        sample._replace(displacement=sample.displacement + np.float32(0.01), intra=sample.seconds == 3.0)
        if sample.seconds >= 3
        else sample
        for sample in video(8)
    ]
    assert events(step) == []
    expression = [
        moving._replace(displacement=moving.displacement + still.displacement, intra=still.intra)
        for moving, still in zip(video(8, (FROWN, bump(5, 0.1, 0.05, 0.15))), step, strict=True)
    ]
    (event,) = events(expression)
    assert event.onset_s == pytest.approx(5.0, abs=0.04)


def test_where_every_frame_is_coded_by_itself_no_frame_is_a_step() -> None:
    whole = [sample._replace(intra=True) for sample in video(6, (SMILE, bump(3, 0.1, 0.05, 0.15)))]
    (event,) = events(whole)
    assert event.kind == MICRO


def test_still_pixels_that_a_codec_copies_are_no_better_measured_than_others() -> None:
    """Blocks that are copied are exactly still, and have no noise; what then moves by 0.02 px is no expression."""
    tiny = {place: size / 40 for place, size in SMILE.items()}
    copied = [
        sample._replace(noise=0.0, displacement=np.round(sample.displacement * 100) / np.float32(100))
        for sample in video(6, (tiny, bump(3, 0.1, 0.05, 0.15)))
    ]
    assert events(copied) == []


def test_a_broad_expression_is_not_taken_for_noise() -> None:
    """While it lasts, little of the face is still, and a frame's own noise is twenty times that at rest."""
    rise_and_fall = bump(4, 0.3, 2.5, 0.4)
    broad = [
        sample._replace(noise=NOISE * (1 + 20 * rise_and_fall(sample.seconds)))
        for sample in video(12, (SMILE, rise_and_fall))
    ]
    (event,) = events(broad)
    assert event.z is not None
    assert event.z > 10
    assert event.noise == pytest.approx(NOISE, rel=1)


class Sceptic:
    """Stands for the motion prior: no unit has moved in any field, or one surely has."""

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def answer(self, fields: npt.NDArray[np.float32]) -> Answers:
        nothing = np.zeros((len(fields), 1), np.float32)
        either = np.full((len(fields), len(layout.UNITS)), self.probability, np.float32)
        return Answers(nothing, either, *[nothing] * 7)


def test_motion_that_the_prior_takes_for_noise_counts_for_less() -> None:
    moving = video(6, (FROWN, bump(3, 0.1, 0.05, 0.15)))
    strengths = [Rule(cast(Prior, Sceptic(p))).search(moving).z.max() for p in (0.02, 0.5, 0.9)]
    assert strengths == sorted(strengths)
    assert strengths[1] == pytest.approx(Rule(None).search(moving).z.max())


def test_an_expression_is_found_on_a_head_turning_in_depth() -> None:
    drowned = 2 * DROWNED
    turned: Displacement = {(f"{side} cheek", OUTWARD): 0.1 for side in ("right", "left")}
    turning = video(12, (turned, lambda at: np.sin(at / 2)), (FROWN, bump(6, 0.1, 0.05, 0.15)))
    turning = [sample._replace(noise=drowned, head_shift=1.0) for sample in turning]
    (event,) = Rule(cast(Prior, Sceptic(0.9))).search(turning).events
    assert (event.onset_s, event.offset_s) == pytest.approx((6.0, 6.3), abs=0.05)
    assert event.head_moving


def test_lips_that_open_and_close_all_the_time_speak() -> None:
    speech = [
        sample._replace(lips=0.05 + 0.04 * np.sin(2 * np.pi * 4 * sample.seconds) * (2 < sample.seconds < 6))
        for sample in video(10, (SMILE, bump(3, 0.1, 0.05, 0.15)), (FROWN, bump(8.5, 0.1, 0.05, 0.15)))
    ]
    found = Rule(None).search(speech)
    spoken = found.seconds[found.speaking]
    assert (spoken.min(), spoken.max()) == pytest.approx((2, 6), abs=0.8)
    assert [event.speaking for event in found.events] == [True, False]


def test_a_smile_that_parts_the_lips_does_not_speak() -> None:
    smiling = [
        sample._replace(lips=0.02 + 0.1 * bump(3, 0.3, 2, 0.3)(sample.seconds))
        for sample in video(8, (SMILE, bump(3, 0.3, 2, 0.3)))
    ]
    assert not Rule(None).search(smiling).speaking.any()


def test_events_know_what_disturbs_them() -> None:
    moving = [
        sample._replace(head_speed=1.0 if 3 < sample.seconds < 3.1 else 0.0)
        for sample in video(6, (FROWN, bump(3, 0.1, 0.05, 0.15)), (FROWN, bump(5.7, 0.2, 1, 0.15)))
    ]
    first, last = events(moving)
    assert (first.head_moving, first.cut_off) == (True, False)
    assert (last.head_moving, last.cut_off) == (False, True)


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


def search_in_stretches(samples: Sequence[Sample], stretch_s: float) -> list[Segment]:
    searcher = Searcher(Rule(None), stretch_s)
    found = [segment for sample in samples for segment in searcher.add(sample)]
    return [*found, *searcher.finish()]


def test_no_event_spans_a_gap() -> None:
    before, after = video(3, (SMILE, bump(2.9, 0.2, 1, 1))), video(3, seed=1)
    later = [sample._replace(frame=sample.frame + 600, seconds=sample.seconds + 10) for sample in after]
    found = [event for segment in search_in_stretches([*before, *later], 60.0) for event in segment.events]
    assert all(event.offset < 3 * FPS for event in found)


@settings(max_examples=10)
@given(st.lists(st.floats(3, 75), max_size=8), st.integers(0, 3))
def test_the_events_found_do_not_depend_on_the_length_of_the_stretches(starts: list[float], seed: int) -> None:
    apart = [at for at, before in zip(sorted(starts), [-9.0, *sorted(starts)], strict=False) if at - before > 1]
    samples = video(80, *((FROWN, bump(at, 0.1, 0.05, 0.15)) for at in apart), seed=seed)
    (whole,) = search_in_stretches(samples, 80.0)
    segments = search_in_stretches(samples, 5.0)
    assert len(segments) > 5
    assert [event[:4] for segment in segments for event in segment.events] == [event[:4] for event in whole.events]
    assert np.concatenate([segment.seconds for segment in segments]).tolist() == whole.seconds.tolist()
