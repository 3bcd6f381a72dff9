"""Videos under conditions: what the plan says is what the frames show."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deft.render import depth, expressions, looks, motions, mouth, paths, scenes, schedule, videos
from deft.render.conditions import Conditions, Macro, Shot, VideoPlan
from deft.render.corpus import FPS
from deft.render.subjects import subject

SEED = 3304
STILL = np.array([[1.0, 0, 0], [0, 1, 0]])
Image = NDArray[np.uint8]


def frame(plan: VideoPlan, t: int) -> Image:
    (image,) = videos.frames_at(plan, [t])
    return image


def smiling(**changes: object) -> VideoPlan:
    """A plan of one second in which a strong smile is at its apex at frame 100."""
    clip = Macro("smile", amplitude=0.3, gap=0.18, held=40)
    event = videos.Event(onset=20, apex=100, offset=190, clip=clip)
    return VideoPlan(SEED, 1, FPS, (event,), (), Conditions(macro=True))._replace(**changes)  # type: ignore[arg-type]


def correlation(one: Image, other: Image) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("name", list(expressions.MACROS))
def test_a_macro_expression_moves_its_landmarks_as_far_as_planned(name: str) -> None:
    points = subject(SEED, 1).landmarks
    field = expressions.field(expressions.MACROS[name], points)
    left, up, _ = motions.axes(points)
    for landmark, (out, upward) in expressions.MACROS[name].items():
        x, y = np.round(points[landmark]).astype(int)
        np.testing.assert_allclose([field[y, x] @ -left, field[y, x] @ up], (out, upward), atol=0.06)


def test_the_corners_of_a_smile_move_by_the_planned_pixels_and_the_lips_part() -> None:
    plan = smiling()
    points = subject(SEED, 1).landmarks
    _, _, iod = motions.axes(points)
    neutral, smile = (scenes.landmarks(plan, t)[0] for t in (20, 100))
    moved = smile - scenes.landmarks(smiling(events=()), 100)[0]
    assert np.hypot(*moved[[48, 54]].T) == pytest.approx(0.3 * iod, rel=0.05)
    assert (smile[66] - smile[62])[1] - (neutral[66] - neutral[62])[1] == pytest.approx(0.18 * iod, rel=0.1)


def test_a_smile_shows_teeth_between_the_lips(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = smiling()
    smile, points = frame(plan, 100), scenes.landmarks(plan, 100)[0]
    x, y = np.round(0.7 * points[62] + 0.3 * points[66]).astype(int)
    tooth = smile[y - 1 : y + 2, x - 6 : x + 7].reshape(-1, 3).astype(int).mean(0)
    assert tooth.min() > 90
    assert np.ptp(tooth) < 45  # teeth have little colour
    monkeypatch.setattr(mouth, "paint", lambda points, *_: np.full((*points.shape[:-1], 3), 255, np.float32))
    changed = np.abs(frame(plan, 100).astype(int) - smile).max(-1) > 30
    assert 300 < np.count_nonzero(changed) < 4000
    low, high = points[48:68].min(0), points[48:68].max(0)
    rows, columns = np.nonzero(changed)
    assert low[0] - 2 < columns.min() < columns.max() < high[0] + 2
    assert low[1] - 2 < rows.min() < rows.max() < high[1] + 2


def test_each_pixel_of_a_wide_smile_shows_the_point_that_the_truth_sends_there() -> None:
    points = subject(SEED, 1).landmarks
    lips = mouth.seam(points)
    ramp = np.stack(np.meshgrid(np.arange(1280), np.arange(960), [0]), -1)[..., 0, :] / [1280, 960, 1] * 255
    face = looks.Face(np.round(ramp).astype(np.uint8), points, lips, mouth.opening(lips), depth.depth(points))
    smile = np.asarray(0.3 * lips.iod * expressions.field(expressions.MACROS["smile"], points), np.float32)
    turn = np.array([8.0, -5.0])
    image = looks.render(face, looks.Look(STILL, STILL, turn, smile, 12.0, 0.0, np.zeros(2)), slice(0, 640))
    shown = looks.landmarks(face, looks.Look(STILL, STILL, turn, smile, 12.0, 0.0, np.zeros(2)))
    outside = [*range(17), *range(27, 36), 50, 51, 52, 56, 57, 58]  # the inner lips lie at the edge of the opening
    for landmark in outside:
        x, y = np.round(shown[landmark]).astype(int)
        assert np.abs(image[y, x, :2] / 255 * [640, 480] - points[landmark]).max() < 3.5  # a grey level is 2.5 px


@pytest.mark.parametrize("angles", [(10.0, 0.0), (-10.0, 10.0)])
def test_a_turned_head_can_be_turned_back(angles: tuple[float, float]) -> None:
    points = subject(SEED, 1).landmarks
    surface = depth.depth(points)
    turned = depth.turn(points, surface, np.array(angles))
    nose, ear = (turned - points)[30], (turned - points)[0]
    assert np.hypot(*nose) > np.hypot(*ear) + 8
    np.testing.assert_allclose(depth.unturn(turned, surface, np.array(angles)), points, atol=0.1)


def test_a_pan_shifts_the_whole_frame() -> None:
    plan = videos.plan(SEED, 0, 6.0, Conditions(pan=True))._replace(events=(), blinks=())
    matrix = paths.camera_curves(plan.conditions, plan.frames, 640, plan.seed, plan.subject).matrix
    t = int(np.abs(matrix[:, 0, 2] - matrix[0, 0, 2]).argmax())
    shift = matrix[t, :, 2] - matrix[0, :, 2]
    assert np.abs(shift[0]) > 30
    first, last = frame(plan, 0), frame(plan, t)
    back = cv2.warpAffine(last, np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]]), (640, 480))
    inner = (slice(40, 440), slice(230, 410))
    assert correlation(back[inner], first[inner]) > 0.94 > 0.9 > correlation(last[inner], first[inner])


def test_a_zoom_enlarges_the_face() -> None:
    plan = videos.plan(SEED, 0, 8.0, Conditions(zoom=True))
    matrix = paths.camera_curves(plan.conditions, plan.frames, 640, plan.seed, plan.subject).matrix
    small, large = int(matrix[:, 0, 0].argmin()), int(matrix[:, 0, 0].argmax())
    widths = [np.ptp(scenes.landmarks(plan, t)[0][:, 0]) for t in (small, large)]
    assert widths[1] / widths[0] == pytest.approx(matrix[large, 0, 0] / matrix[small, 0, 0], rel=0.02)
    assert 1.1 < widths[1] / widths[0] <= 1.4


def test_exposure_ramps_within_its_bounds() -> None:
    curves = paths.camera_curves(Conditions(exposure=True), 4000, 640, SEED, 1)
    assert 0.8 <= curves.gain.min() < 0.9 < 1.1 < curves.gain.max() <= 1.2
    assert np.abs(np.diff(curves.gain)).max() < 0.4 * 1.5 / (0.6 * FPS) + 1e-9


def test_heads_turn_and_shift_within_their_bounds() -> None:
    head = paths.head_curves(Conditions(turn=True, posture=True), 6000, SEED, 1)
    assert 5 < np.abs(head.turn).max() <= 10
    assert 5 < np.abs(head.shift).max() <= 30


def test_a_mouth_speaks_only_within_its_spans_and_three_to_six_times_per_second() -> None:
    plan = videos.plan(SEED, 0, 12.0, Conditions(speech=True))
    spoken = expressions.articulate(plan.frames, plan.speech, np.random.default_rng(0))
    ((first, last), *_) = plan.speech
    inside = np.zeros(plan.frames, bool)
    for start, end in plan.speech:
        inside[start:end] = True
    assert 2 <= (last - first) / FPS <= 5
    assert not spoken.gap[~inside].any()
    assert not spoken.rounded[~inside].any()
    rising = np.diff(spoken.gap[first:last]) > 0
    peaks = np.count_nonzero(rising[:-1] & ~rising[1:])
    assert 2 <= peaks / ((last - first) / FPS) <= 6.5


def test_the_frames_cut_where_the_plan_says() -> None:
    plan = videos.plan(SEED, 0, 26.0, Conditions(cuts=True))
    first, second, *_ = plan.cuts
    assert [shot.people for shot in plan.shots[:2]] == [(0,), (1,)]
    before, at, later = (image.astype(int) for image in videos.frames_at(plan, [first - 1, first, first + 1]))
    assert np.abs(at - before).mean() > 5 * np.abs(later - at).mean()
    empty = plan._replace(shots=(Shot(0, ()),))
    assert scenes.landmarks(empty, 100) == {}
    assert second > first


def test_people_do_things_only_while_they_are_visible() -> None:
    plan = videos.plan(SEED, 1, 30.0, Conditions(cuts=True, macro=True, speech=True))
    ends = [*plan.cuts, plan.frames]
    for index, person in enumerate(plan.people):
        visible = [(shot.first, end) for shot, end in zip(plan.shots, ends, strict=True) if index in shot.people]
        spans = [*((event.onset, event.offset) for event in person.events), *person.blinks, *person.speech]
        assert all(any(low <= first < last <= high for low, high in visible) for first, last in spans)
        assert all(event.person == index for event in person.events)


def test_two_people_sit_side_by_side_and_act_each_for_themselves() -> None:
    plan = videos.plan(SEED, 0, 5.0, Conditions(two_people=True))
    assert frame(plan, 0).shape == (480, 1280, 3)
    left, right = scenes.landmarks(plan, 0).values()
    assert left[:, 0].max() < 640 < right[:, 0].min()
    assert plan.people[0].subject != plan.people[1].subject
    onsets = [[event.onset for event in person.events] for person in plan.people]
    assert onsets[0] != onsets[1]


def test_the_same_plan_gives_the_same_bytes() -> None:
    conditions = Conditions(macro=True, turn=True, pan=True, exposure=True)
    plan, again = (videos.plan(SEED, 2, 9.0, conditions) for _ in range(2))
    assert plan == again
    scenes._person.cache_clear()
    apex = plan.events[0].apex
    one = frame(plan, apex)
    scenes._person.cache_clear()
    np.testing.assert_array_equal(one, frame(again, apex))


def test_a_condition_leaves_the_blinks_and_the_head_of_a_video_as_they_were() -> None:
    plans = [videos.plan(SEED, 0, 10.0, Conditions(turn=True, pan=pan)) for pan in (False, True)]
    assert plans[0].blinks == plans[1].blinks
    assert plans[0].events == plans[1].events


def test_too_short_a_video_for_its_conditions_is_refused() -> None:
    with pytest.raises(ValueError, match="too few for speech"):
        videos.plan(SEED, 0, 2.5, Conditions(speech=True))


def test_a_camera_takes_the_frames_nearest_to_its_times() -> None:
    plan = videos.plan(SEED, 0, 3.0)
    numbers = videos.frame_numbers(plan, 30)
    assert len(numbers) == 90
    assert numbers[:4] == [0, 7, 13, 20]
    assert numbers[-1] < plan.frames


def test_macro_expressions_hold_their_apex() -> None:
    plan = smiling()
    strengths = [schedule.strength(plan.events[0], t) for t in (20, 60, 100, 140, 165, 190)]
    assert strengths == pytest.approx([0, 0.5, 1, 1, 0.5, 0], abs=0.01)
