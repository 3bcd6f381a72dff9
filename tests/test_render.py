import re
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from deft.render import camera, clips, corpus, layouts, motions, videos
from deft.render.layouts import casme2
from deft.render.portrait import LANDMARKS, MIRROR
from deft.render.subjects import subject

# Where each unit must point, as FACS has it: a landmark of the subject's right side, and out/up in face axes (0: free).
DIRECTIONS = {
    1: (21, 0, 1), 2: (17, 0, 1), 4: (21, -1, -1), 5: (37, 0, 1), 6: (41, 0, 1), 7: (41, 0, 1), 9: (31, 0, 1),
    10: (50, 0, 1), 12: (48, 1, 1), 14: (48, -1, 0), 15: (48, 0, -1), 16: (57, 0, -1),
    17: (8, 0, 1), 18: (48, -1, 0), 20: (48, 1, 0),
    22: (48, -1, 0), 23: (57, 0, 1), 24: (57, 0, 1), 25: (57, 0, -1), 26: (8, 0, -1), 27: (8, 0, -1), 28: (57, 0, 1),
    38: (31, 1, 0), 39: (31, -1, 0), 43: (37, 0, -1), 45: (37, 0, -1),
}  # fmt: skip
# Relative units: a landmark above and one below, and whether they part (1) or meet (−1).
RELATIVE = {
    5: (37, 41, 1), 7: (37, 41, -1), 22: (51, 57, 1), 23: (51, 57, -1), 24: (51, 57, -1), 25: (51, 57, 1),
    28: (51, 57, -1),
}  # fmt: skip

Flow = NDArray[np.float32]
SHEET = casme2.LAYOUT.books[0].file
PLAN = corpus.plan(seed=5, subjects=2, clips=2, wrong=0.5)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[clips.Truth]]:
    root = tmp_path_factory.mktemp("rendered")
    truths = [clips.render(plan, root) for plan in PLAN]
    layouts.write_labels(casme2.LAYOUT, PLAN, root, traps=False)
    return root, truths


def read_frame(root: Path, plan: corpus.ClipPlan, position: int) -> NDArray[np.uint8]:
    jpeg = np.frombuffer((root / casme2.frame(plan, position)).read_bytes(), np.uint8)
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def at(field: NDArray[np.float32], landmark: int) -> NDArray[np.float32]:
    """The displacement at a landmark in face axes: out on the subject's right, up."""
    left, up, _ = motions.axes(LANDMARKS)
    x, y = np.round(LANDMARKS[landmark]).astype(int)
    return np.array([field[y, x] @ -left, field[y, x] @ up])


@pytest.mark.parametrize("unit", motions.UNITS)
def test_a_unit_peaks_at_one_and_points_where_facs_says(unit: int) -> None:
    field = motions.field(unit, None, LANDMARKS)
    landmark, out, up = DIRECTIONS[unit]
    moved = at(field, landmark)
    assert np.hypot(*np.moveaxis(field, -1, 0)).max() == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(moved) > 0.2
    assert all(np.sign(got) == want for got, want in zip(moved, (out, up), strict=True) if want)


@pytest.mark.parametrize(("unit", "upper", "lower", "sign"), [(unit, *row) for unit, row in RELATIVE.items()])
def test_a_relative_unit_moves_its_two_sides_against_each_other(unit: int, upper: int, lower: int, sign: int) -> None:
    field = motions.field(unit, None, LANDMARKS)
    assert sign * (at(field, upper)[1] - at(field, lower)[1]) > 0.5


@pytest.mark.parametrize("unit", sorted(motions.PAIRED))
def test_left_is_the_mirror_image_of_right(unit: int) -> None:
    flipped = (np.array([639, 0]) + LANDMARKS[MIRROR] * [-1, 1]).astype(np.float32)
    right = motions.field(unit, "R", LANDMARKS)
    left = motions.field(unit, "L", flipped)
    np.testing.assert_allclose(left, right[:, ::-1] * [-1, 1], atol=1e-4)


def test_a_unit_of_the_midline_has_no_side() -> None:
    with pytest.raises(ValueError, match="AU17"):
        motions.field(17, "L", LANDMARKS)


def test_each_pixel_shows_the_point_that_the_truth_sends_there() -> None:
    """The rendered map against the truth's: p → head(pose(x + E(x)))."""
    points = subject(5, 1).landmarks
    expression = 2.0 * motions.field(12, None, points) + 1.5 * motions.field(4, "L", points)
    middle = points.mean(0).astype(np.float64)
    pose = camera.similarity(middle, 1.0, 1.01, np.array([3.0, -2.0]))
    head = camera.similarity(middle, -0.8, 0.995, np.array([-1.3, 2.2]))
    shown = camera.trace(points, expression, camera.compose(head, pose), 1.0, 0.0, np.zeros(2))
    x, y = np.meshgrid(np.arange(170.0, 470), np.arange(90.0, 390))
    want = camera.transform(camera.invert(pose), np.stack([x, y], -1))
    where = camera.transform(head, camera.transform(pose, camera.express(want, expression, 1.0).astype(np.float64)))
    got = [scipy.ndimage.map_coordinates(shown[..., i], [where[..., 1], where[..., 0]], order=1) for i in (0, 1)]
    assert np.hypot(*(np.stack(got) - np.moveaxis(want, -1, 0))).max() < 0.02


def test_eyes_open_where_they_closed() -> None:
    where = motions.eye(LANDMARKS.astype(np.float32), 36)
    points = np.stack(np.meshgrid(np.arange(240.0, 310), np.arange(170.0, 230)), -1)
    closed = motions.close(points, where, 0.8, opening=False)
    assert np.abs(closed - points).max() > 5
    np.testing.assert_allclose(motions.close(closed, where, 0.8, opening=True), points, atol=1e-3)


def pulled_back(plan: corpus.ClipPlan, truth: clips.Truth, root: Path, flow: Flow, head: Flow) -> float:
    """Grey levels by which the apex, pulled back by flow and head, differs from the onset where the face moves."""
    onset, apex = (
        cv2.GaussianBlur(cv2.cvtColor(read_frame(root, plan, t), cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), 1)
        for t in (plan.onset, plan.apex)
    )
    size = camera.BOX_WIDTH // truth.stride
    box = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1) * truth.stride + (truth.x0, truth.y0)
    pulled = cv2.remap(apex, camera.transform(head, box + flow).astype(np.float32), None, cv2.INTER_LINEAR)
    still = onset[truth.y0 :: truth.stride, truth.x0 :: truth.stride][:size, :size]
    moving = np.hypot(*np.moveaxis(truth.flow.astype(np.float32), -1, 0)) > 0.2
    return float(np.std((pulled - still)[moving]))


def test_the_truth_holds_in_the_written_pixels(rendered: tuple[Path, list[clips.Truth]]) -> None:
    root, truths = rendered
    for plan, truth in zip(PLAN, truths, strict=True):
        flow, head = truth.flow.astype(np.float32), truth.head[plan.apex]
        explained = pulled_back(plan, truth, root, flow, head)
        assert explained < 1.5
        assert explained < 0.9 * pulled_back(plan, truth, root, 0 * flow, head)
        assert explained < 0.9 * pulled_back(plan, truth, root, -flow, head)


def test_the_onset_is_neutral(rendered: tuple[Path, list[clips.Truth]]) -> None:
    for truth in rendered[1]:
        assert truth.profile[truth.onset] == 0
        assert truth.profile[truth.apex] == 1
        assert truth.profile[truth.offset] == 0
        np.testing.assert_allclose(truth.head[truth.onset], np.eye(2, 3), atol=1e-6)


def test_same_plan_same_bytes_in_another_process_and_order(
    rendered: tuple[Path, list[clips.Truth]], tmp_path: Path
) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        again = list(pool.map(clips.render, PLAN[::-1], [tmp_path] * len(PLAN)))[::-1]
    layouts.write_labels(casme2.LAYOUT, PLAN[::-1], tmp_path, traps=False)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) == 1 + sum(plan.frames for plan in PLAN)
    assert all((tmp_path / path).read_bytes() == (rendered[0] / path).read_bytes() for path in written)
    for first, second in zip(rendered[1], again, strict=True):
        np.testing.assert_array_equal(first.flow, second.flow)


def test_the_sheet_is_casme2s(rendered: tuple[Path, list[clips.Truth]]) -> None:
    book = openpyxl.load_workbook(rendered[0] / SHEET)
    assert book.sheetnames == ["Sheet1", "Sheet2", "Sheet3"]
    header, *rows = book["Sheet1"].iter_rows(values_only=True)
    assert header[:3] == ("Subject", "Filename", None)
    assert header[3:] == ("OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units", "Estimated Emotion")
    for plan, row in zip(PLAN, rows, strict=True):
        assert row[0] == f"{plan.subject:02d}"
        assert row[7] == plan.listed
        folder = (rendered[0] / casme2.frame(plan, 0)).parent
        assert all((folder / f"img{number}.jpg").exists() for number in row[3:6])


def test_the_sheet_carries_no_date_but_casme2s(rendered: tuple[Path, list[clips.Truth]]) -> None:
    with zipfile.ZipFile(rendered[0] / SHEET) as book:
        assert {entry.date_time for entry in book.infolist()} == {(2014, 5, 8, 0, 0, 0)}
        assert set(re.findall(r"\d{4}-\d\d-\d\dT", book.read("docProps/core.xml").decode())) == {"2014-05-08T"}


def units(text: str | int) -> set[int]:
    return {int(number) for number in re.findall(r"\d+", str(text))}


@pytest.mark.parametrize("wrong", [0.0, 0.15, 1.0])
def test_the_stated_share_of_rows_errs_half_each_way(wrong: float) -> None:
    plans = corpus.plan(seed=1, subjects=10, clips=10, wrong=wrong)
    still = [p for p in plans if units(p.listed) - {m.unit for m in p.moved}]
    unlisted = [p for p in plans if {m.unit for m in p.moved} - units(p.listed)]
    assert len(still) + len(unlisted) == round(100 * wrong)
    assert len(still) - len(unlisted) in (0, 1)
    assert all(p.wrong == "still" for p in still)
    assert all(p.wrong == "unlisted" for p in unlisted)


def test_a_share_outside_zero_and_one_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong"):
        corpus.plan(1, 1, 1, 1.5)


def test_plans_stay_within_their_ranges() -> None:
    plans = corpus.plan(seed=2, subjects=20, clips=12, wrong=0.15)
    assert all(0.4 <= motion.amplitude_px <= 2.5 for plan in plans for motion in plan.moved)
    assert all(40 <= plan.frames <= 80 and plan.onset < plan.apex < plan.offset < plan.frames for plan in plans)
    assert len({(plan.subject, plan.name) for plan in plans}) == len(plans)
    for emotion, share in corpus.SHARES.items():
        assert sum(plan.emotion == emotion for plan in plans) / len(plans) == pytest.approx(share, abs=0.01)


def test_every_unit_moves_somewhere() -> None:
    plans = [plan for seed in range(24) for plan in corpus.plan(seed, 26, 10, 0.15)]
    assert {motion.unit for plan in plans for motion in plan.moved} == set(motions.UNITS)


def test_subjects_differ_and_stay_themselves() -> None:
    one, other = subject(5, 1), subject(5, 2)
    assert np.abs(one.landmarks - other.landmarks).max() > 3
    assert np.abs(one.picture.astype(int) - other.picture).mean() > 5
    np.testing.assert_array_equal(one.picture, subject.__wrapped__(5, 1).picture)


def test_a_films_events_lie_apart_and_within_it() -> None:
    plans = [videos.plan(3, number) for number in range(20)]
    for plan in plans:
        assert plan.frames == 6000
        assert 5 <= len(plan.events) <= 8
        edges = [0, *(edge for event in plan.events for edge in (event.onset, event.offset)), plan.frames]
        assert all(later - earlier >= 200 for earlier, later in zip(edges[::2], edges[1::2], strict=True))
        assert all(event.onset < event.apex < event.offset <= event.onset + 100 for event in plan.events)
        assert all(0 <= first < last <= plan.frames for first, last in plan.blinks)
    assert len({plan.events for plan in plans}) == len(plans)


def test_a_film_is_the_same_each_time_and_moves_as_it_says() -> None:
    plan = videos.plan(3, 0, 3.0)
    every = 50
    once, again = list(videos.frames(plan, every)), list(videos.frames(plan, every))
    np.testing.assert_array_equal(once, again)
    assert len(once) == 600 // every


def test_an_expression_of_a_film_is_there_between_onset_and_offset_alone() -> None:
    plan, every = videos.plan(3, 2, 3.0)._replace(blinks=()), 5
    (event,) = plan.events
    shown, bare = (list(videos.frames(each, every)) for each in (plan, plan._replace(events=())))
    moved = [at * every for at, (a, b) in enumerate(zip(shown, bare, strict=True)) if (a != b).any()]
    assert event.onset < moved[0] < event.apex < moved[-1] < event.offset
    assert moved == list(range(moved[0], moved[-1] + 1, every))
