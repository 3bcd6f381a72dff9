"""The report, as one finds it in a browser, and the picture and the loop of one clip."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import matplotlib.image
import numpy as np
import numpy.typing as npt
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import PATIENCE_MS, in_browser, random_flow, write_params
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner, Result

from deft import facs
from deft.cli import app
from deft.core import schemas, tables
from deft.face import Points
from deft.facs import codes
from deft.language import triple
from deft.media import Image, pictures
from deft.motion import evidence, tvl1
from deft.report import charts, compared, loop, plots
from deft.score import experts, loso

HAPPY, UPSET = "happiness", "disgust"
# clip → the sheet's class, the head's, the text's (None: not asked), verdict on its unit 12, why it was dropped
CLIPS: dict[str, tuple[str, str | None, str | None, str, str | None]] = {
    "bare/s1/flow": (HAPPY, HAPPY, HAPPY, "unobservable", None),
    "toy/s1/first": (HAPPY, HAPPY, HAPPY, "supported", None),
    "toy/s1/wrong": (UPSET, HAPPY, HAPPY, "unsupported", None),
    "toy/s2/half": (UPSET, UPSET, HAPPY, "unsupported", "no listed unit is supported by the motion"),
    "toy/s2/spare": (UPSET, None, None, "supported", None),
}
REJECTED = {"sheet.csv, row 5, toy/s3/odd": 'found "<i>4+", expected a unit'}
FACELESS = {"toy/s3/hidden": "found no face, expected one"}


def sight(region: str, direction: str) -> triple.Sight:
    return triple.Sight(region, direction, "clear", "late")


def bump(points: Points, px: float) -> npt.NDArray[np.float32]:
    """A motion (256, 256, 2) of the left mouth corner upwards, by so many pixels at most."""
    rows, columns = np.mgrid[:256, :256]
    x, y = points[54]
    flow = np.zeros((256, 256, 2), np.float32)
    flow[..., 1] = -px * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 16.0**2))
    return flow


def moved(crop: Image, flow: npt.NDArray[np.float32]) -> Image:
    y, x = np.mgrid[:256, :256].astype(np.float32)
    back = x - flow[..., 0], y - flow[..., 1]
    return np.asarray(cv2.remap(crop, *back, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def written(emotion: str) -> triple.Triple:
    """A triple that differs from one class to another in a direction, and in a region."""
    mouth = sight("left mouth corner", "up and out" if emotion == HAPPY else "down")
    return triple.write(emotion, [(codes.Code(12), [mouth, sight("left cheek" if emotion == HAPPY else "chin", "up")])])


def answered(clip: str) -> tables.Row:
    _, head, text, *_ = CLIPS[clip]
    answer = written(text or HAPPY)
    other = HAPPY if head == UPSET else UPSET
    return {
        "clip": clip,
        "fold": clip.rpartition("/")[0].replace("/", "-"),
        "emotion": head,
        "probabilities": [{"emotion": head, "p": 0.75}, {"emotion": other, "p": 0.25}],
        "without": [{"expert": "motion", "emotion": other}],
        "units": [12],
        "text": answer.text,
        "parsed": True,
        "said_emotion": answer.emotion,
        "said_aus": answer.code_texts,
        "evidence": [sight._asdict() for sight in answer.evidence],
        "rationale": answer.rationale,
        "shuffled": {"donor": "toy/s1/first", "emotion": other, "said_emotion": None, "evidence": None},
    }


def write_clip(data: Path, clip: str, crop: Image, points: Points) -> dict[str, list[tables.Row]]:
    """The rows of one clip in every table."""
    label, head, _, verdict, dropped = CLIPS[clip]
    dataset, subject, name = clip.split("/")
    flow = random_flow(len(clip))
    noise = evidence.noise(flow, points)
    code = facs.parse("54" if verdict == "unobservable" else "12")[0]  # 54: head down, no unit that we know
    judged = {"code": str(code.unit), **code._asdict(), "score": 0.7, "verdict": verdict}
    found = evidence.measure(flow[None], points, noise, (2.0, 4.0, 8.0))
    field = {"clip": clip, "step": 0, "position": 6, "shape": flow.shape, "noise": noise}
    regions = [region._asdict() | {"verdict": "still" if region.level == "none" else "unexplained"} for region in found]
    true = written(label)
    moments = {"onset": 2, "apex": 6, "offset": 8}
    known = {"clip": clip, "dataset": dataset, "subject": subject}
    return {
        "index": [known | moments | {"name": name, "frames": [], "fps": 200.0, "emotion": label, "aus": []}],
        "crop": [
            {"clip": clip, "position": at, "crop": pictures.encode(moved(crop, bump(points, px)))}
            for at, px in ((2, 0.0), (4, 0.5), (6, 1.0), (8, 0.5))
            if dataset != "bare"
        ],
        "landmarks": [{"clip": clip, "points": points.ravel()}],
        "flow": [field | {"flow": flow.astype(np.float16).ravel()}],
        "verify": [{"clip": clip, "regions": regions, "aus": [judged], "consistency": 0.5}],
        "triples": [
            known
            | {
                "emotion": label,
                "label": label,
                "listed": [12],
                "aus": true.code_texts,
                "moving": [12],
                "seen": triple.phrases(true.evidence),
                "evidence": [sight._asdict() for sight in true.evidence],
                "rationale": true.rationale,
                "category": true.category,
                "target": true.text,
                "dropped": dropped,
            }
        ],
        "predictions": [answered(clip)] if head else [],
    }


def write_metrics(folder: Path, rows: list[tables.Row], triples: dict[str, tables.Row]) -> None:
    """The figures of these answers, as the stage `evaluate` writes them."""
    clips, bootstrap = [loso.joined(row, triples) for row in rows], {"resamples": 20, "seed": 0}
    peers = [row | {"baseline": name} for row in clips for name in ("majority", "probe_motion")]
    baselines = loso.baselines(peers, **bootstrap)
    rule = {"rule": "leave one subject out: pooled over 2 folds"}
    tables.write_json(folder / "loso.json", loso.report(clips, **bootstrap) | rule)
    tables.write_json(folder / "baselines.json", {"majority": baselines["majority"]})
    tables.write_json(folder / "experts.json", experts.figures(clips, baselines, **bootstrap) | rule)
    losses = {"final": {"losses": [{"total": 2.0, "text": 1.0}, {"total": 1.0, "text": 0.5}]}}
    curves = {"toy": {"amplitude": [{"px": 0.5, "auc": 0.8}, {"px": 1.5, "auc": 0.9}]}}
    (folder / "plots").mkdir()
    for name, frame in plots.by_name(clips, losses, curves).items():
        frame.to_csv(folder / "plots" / f"{name}.csv", index=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, crop: Image, points: Points) -> Path:
    """A folder in which the pipeline has run on a few clips: right, wrong, dropped, not asked, and one of flow."""
    folder = tmp_path_factory.mktemp("project")
    write_params(folder, datasets=["bare", "toy"], jobs=1)
    data = folder / "data"
    written = {clip: write_clip(data, clip, crop, points) for clip in CLIPS}
    for stage, schema in {
        "index": schemas.INDEX,
        "crop": schemas.CROP,
        "landmarks": schemas.LANDMARKS,
        "flow": schemas.FLOW,
        "verify": schemas.VERIFY,
    }.items():
        for dataset in ("bare", "toy"):
            groups = [rows[stage] for clip, rows in written.items() if clip.startswith(dataset)]
            tables.write(data / stage / f"{dataset}.parquet", schema, groups)
            lost = {"index": REJECTED, "crop": FACELESS} if dataset == "toy" else {}
            tables.write_json(data / "reports" / stage / f"{dataset}.json", {"failures": lost.get(stage, {})})
    dropped = {clip: why for clip, (*_, why) in CLIPS.items() if why}
    tables.write_json(data / "reports" / "triples.json", {"dropped": dropped})
    tables.write(data / "triples.parquet", schemas.TRIPLES, [rows["triples"] for rows in written.values()])
    answers = [rows["predictions"] for rows in written.values()]
    tables.write(data / "predictions" / "deft.parquet", schemas.PREDICTIONS, answers)
    triples = {clip: rows["triples"][0] for clip, rows in written.items()}
    write_metrics(folder / "metrics", [row for rows in answers for row in rows], triples)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


@pytest.fixture(scope="module")
def html(project: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        done = run("report")
    assert done.exit_code == 0, done.output
    return project / "report.html"


@pytest.fixture
def overview(html: Path, browser: Browser) -> Iterator[Page]:
    """The report in a browser of 1200 pixels' width; what the page says about errors fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, bypass_csp=True)
    context.set_default_timeout(PATIENCE_MS)
    tab, said = context.new_page(), list[str]()
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(html.as_uri())
    yield tab
    context.close()
    assert said == []


def open_clip(tab: Page, clip: str) -> None:
    """Open a clip's page, and wait until it is there."""
    tab.click(f"text={clip}")
    expect(tab.locator("#clip-title")).to_have_text(clip)


def shown(tab: Page) -> list[str]:
    return [str(card.get_attribute("data-clip")) for card in tab.locator("#list > li:visible").all()]


@in_browser
def test_failures_come_first_and_clips_without_an_answer_last(overview: Page) -> None:
    assert shown(overview) == ["toy/s1/wrong", "toy/s2/half", "bare/s1/flow", "toy/s1/first", "toy/s2/spare"]


@in_browser
@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("dataset", "bare", {"bare/s1/flow"}),
        ("subject", "toy/s1", {"toy/s1/wrong", "toy/s1/first"}),
        ("emotion", "happiness", {"bare/s1/flow", "toy/s1/first"}),
        ("head", "wrong", {"toy/s1/wrong"}),
        ("text", "wrong", {"toy/s1/wrong", "toy/s2/half"}),
        ("text", "not asked", {"toy/s2/spare"}),
        ("aus", "unsupported", {"toy/s1/wrong", "toy/s2/half"}),
        ("aus", "unobservable", {"bare/s1/flow"}),
    ],
)
def test_a_filter_leaves_the_clips_that_it_names(overview: Page, field: str, value: str, left: set[str]) -> None:
    overview.select_option(f"select[name={field}]", value)
    assert set(shown(overview)) == left
    assert overview.text_content("#count") == f"{len(left)} of 5 clips"


@in_browser
def test_filters_add_up_and_are_cleared_together(overview: Page) -> None:
    overview.select_option("select[name=emotion]", "happiness")
    overview.fill("input[type=search]", "FIRST")
    assert shown(overview) == ["toy/s1/first"]
    overview.click("button[type=reset]")
    expect(overview.locator("#count")).to_have_text("5 of 5 clips")


@in_browser
def test_a_clip_opens_and_its_slider_moves_through_the_frames(overview: Page) -> None:
    open_clip(overview, "toy/s1/wrong")
    assert overview.text_content("#moment") == "frame 2, 0 ms, onset"
    first = overview.get_attribute("#frame", "x"), overview.get_attribute("#frame", "y")
    overview.focus("#slider")
    overview.keyboard.press("ArrowRight")
    overview.keyboard.press("ArrowRight")
    assert overview.text_content("#moment") == "frame 6, 20 ms, apex"
    assert (overview.get_attribute("#frame", "x"), overview.get_attribute("#frame", "y")) != first


@in_browser
def test_frames_play_in_a_loop_until_they_are_stopped(overview: Page) -> None:
    open_clip(overview, "toy/s1/wrong")
    overview.click("#play")
    overview.wait_for_function("document.querySelector('#slider').value === '3'")
    overview.wait_for_function("document.querySelector('#slider').value === '0'")
    overview.click("#play")
    assert overview.text_content("#play") == "Play"


@in_browser
def test_who_wants_less_motion_sees_slower_loops(html: Path, browser: Browser) -> None:
    delays = {}
    for wish in ("reduce", "no-preference"):
        tab = browser.new_page(reduced_motion=wish)
        tab.add_init_script("window.setInterval = (_, delay) => { window.delay = delay; return 1; };")
        tab.goto(f"{html.as_uri()}#clip=toy/s1/wrong")
        tab.click("#play")
        delays[wish] = tab.evaluate("window.delay")
        tab.close()
    assert delays["reduce"] > 333 > delays["no-preference"]  # WCAG 2.3.1: at most three flashes a second


@in_browser
def test_a_link_to_a_clip_opens_it_and_leads_on_to_the_next(html: Path, overview: Page) -> None:
    overview.goto("about:blank")
    overview.goto(f"{html.as_uri()}#clip=toy/s2/half")
    expect(overview.locator("#clip-title")).to_have_text("toy/s2/half")
    overview.click("#after")
    expect(overview.locator("#clip-title")).to_have_text("bare/s1/flow")
    assert overview.url.endswith("#clip=bare/s1/flow")


@in_browser
def test_a_link_to_a_clip_that_is_not_there_says_so(html: Path, overview: Page) -> None:
    overview.goto("about:blank")
    overview.goto(f"{html.as_uri()}#clip=toy/s9/none")
    expect(overview.locator("#dialog")).to_contain_text("no clip toy/s9/none")


@in_browser
def test_escape_closes_a_clip_and_the_list_has_the_focus_again(overview: Page) -> None:
    overview.focus("#list a >> nth=1")
    overview.keyboard.press("Enter")
    expect(overview.locator("#dialog")).to_be_visible()
    overview.keyboard.press("Escape")
    expect(overview.locator("#dialog")).to_be_hidden()
    assert overview.evaluate("document.activeElement.closest('li').dataset.clip") == "toy/s2/half"
    expect(overview).not_to_have_url(re.compile("clip="))


@in_browser
def test_both_triples_stand_side_by_side_with_their_differences(overview: Page) -> None:
    open_clip(overview, "toy/s2/half")
    rows = [row.inner_text().split("\t") for row in overview.locator(".triple tbody tr").all()]
    assert rows[:3] == [
        ["left cheek", "–", "up, clear, late", "✗ only in the answer"],
        ["left mouth corner", "down, clear, late", "up and out, clear, late", "✗ other direction"],
        ["chin", "up, clear, late", "–", "✗ not in the answer"],
    ]
    assert rows[4] == ["category", "disgust; 12", "happiness; 12", "✗ differences marked"]
    assert overview.locator(".triple mark").all_text_contents()[-2:] == ["disgust", "happiness"]


@in_browser
def test_a_clips_page_says_why_it_is_not_trained_on(overview: Page) -> None:
    open_clip(overview, "toy/s2/half")
    expect(overview.locator("#page")).to_contain_text("no listed unit is supported by the motion")


@in_browser
def test_a_clip_that_comes_as_flow_says_so_in_place_of_frames(overview: Page) -> None:
    open_clip(overview, "bare/s1/flow")
    expect(overview.locator("#page")).to_contain_text("there are no frames to show")
    assert overview.locator("#slider").count() == 0


@in_browser
def test_no_request_leaves_the_page(html: Path, browser: Browser) -> None:
    tab, asked = browser.new_page(), list[str]()
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(html.as_uri())
    for name in ("toy/s1/wrong", "bare/s1/flow"):
        tab.click(f"text={name}")
        tab.click("#close")
    tab.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [html.as_uri()]
    tab.close()


@in_browser
@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("clip", [None, "toy/s2/half", "bare/s1/flow"])
def test_axe_finds_nothing_serious(overview: Page, clip: str | None, width: int) -> None:
    overview.set_viewport_size({"width": width, "height": 900})
    if clip:
        open_clip(overview, clip)
    found = Axe().run(overview).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


@in_browser
def test_nothing_is_wider_than_a_telephone(overview: Page) -> None:
    overview.set_viewport_size({"width": 400, "height": 900})
    assert overview.evaluate("document.documentElement.scrollWidth") == 400


@in_browser
def test_what_was_left_out_is_listed_with_its_reason_as_it_was_given(overview: Page) -> None:
    rows = [row.inner_text().split("\t") for row in overview.locator("#left-out tbody tr").all()]
    assert rows == [
        ["index", *next(iter(REJECTED.items()))],
        ["crop", *next(iter(FACELESS.items()))],
        ["triples", "toy/s2/half", "no listed unit is supported by the motion"],
    ]


def test_figures_are_those_of_the_metrics(html: Path) -> None:
    scores = tables.read_json(html.parent / "metrics" / "loso.json")
    text = html.read_text(encoding="utf-8")
    for group, key in (("emotion", "uf1"), ("generated", "wf1"), ("emotion", "ece"), ("text", "evidence_f1")):
        assert f"<b>{scores[group][key]:.3f}</b>" in text


def test_the_same_project_gives_the_same_report(inside: Path, html: Path, tmp_path: Path) -> None:
    assert run("report", "--out", tmp_path / "again.html").exit_code == 0
    assert (tmp_path / "again.html").read_bytes() == html.read_bytes()


def test_ablations_are_shown_where_there_are_some(project: Path, html: Path, tmp_path: Path) -> None:
    assert 'id="ablations"' not in html.read_text(encoding="utf-8")
    shutil.copytree(project, tmp_path / "more")
    scores = {"uf1": 0.5, "uf1_low": 0.4, "uf1_high": 0.6}
    each = {"head": scores, "text": scores, "units": {"f1": 0.3}, "set": ["lora.rank=2"]}
    shares = {"evidence_f1": 0.7, "unsupported_au_rate": 0.1, "agreement": 0.9}
    tables.write_json(tmp_path / "more" / "metrics" / "ablations.json", {"a small one": each | shares})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "more")
        assert run("report").exit_code == 0
    text = (tmp_path / "more" / "report.html").read_text(encoding="utf-8")
    assert "a small one" in text
    assert "<code>-S lora.rank=2</code>" in text


@pytest.mark.parametrize("missing", ["data/predictions/deft.parquet", "metrics/loso.json"])
def test_what_is_missing_is_said_in_one_line_with_what_to_do(project: Path, tmp_path: Path, missing: str) -> None:
    shutil.copytree(project, tmp_path / "less")
    (tmp_path / "less" / missing).unlink()
    (tmp_path / "less" / "report.html").unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "less")
        done = run("report")
    assert done.exit_code == 1
    (line,) = (line for line in done.stderr.splitlines() if "error:" in line)
    assert missing in line
    assert "dvc repro" in line
    assert not (tmp_path / "less" / "report.html").exists()


@pytest.mark.parametrize("clip", [*CLIPS])
def test_any_clip_is_shown_as_a_picture(inside: Path, tmp_path: Path, clip: str) -> None:
    done = run("show", clip, "--out", tmp_path / "clip.png")
    assert done.exit_code == 0, done.output
    assert matplotlib.image.imread(tmp_path / "clip.png").shape[1] == 1600


@pytest.mark.parametrize(
    ("asked", "near"), [("toy/s1/frist", "toy/s1/first"), ("first", "toy/s1/first"), ("?", "bare/s1/flow")]
)
def test_an_unknown_clip_is_refused_with_those_of_nearly_that_name(inside: Path, asked: str, near: str) -> None:
    done = run("show", asked)
    assert done.exit_code == 1
    assert near in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_clip_that_failed_in_a_stage_is_refused_with_the_reason(inside: Path) -> None:
    done = run("show", "toy/s3/hidden")
    assert done.exit_code == 1
    assert "crop: found no face" in done.stderr


def test_a_loop_goes_from_the_onset_to_the_apex_and_back(inside: Path, tmp_path: Path) -> None:
    assert run("show", "toy/s1/first", "--out", tmp_path / "clip.png", "--magnify", "4").exit_code == 0
    frames = cv2.imreadanimation(str(tmp_path / "clip.webp"))[1]
    assert len(frames.frames) == 4
    assert [*frames.durations] == [400, 400, 400, 400]
    assert frames.frames[0].shape[1] == 512


def test_flow_alone_is_not_magnified(inside: Path, tmp_path: Path) -> None:
    done = run("show", "bare/s1/flow", "--out", tmp_path / "clip.png", "--magnify", "4")
    assert done.exit_code == 1
    assert "a clip with frames" in done.stderr


def test_magnified_motion_is_so_many_times_as_large(crop: Image, points: Points) -> None:
    found = loop.magnified({3: crop, 7: moved(crop, bump(points, 0.8))}, points, 3, 7, 5.0)
    np.testing.assert_array_equal(found[3], crop)
    column, row = points[54].round().astype(int)
    flow = tvl1.flow(pictures.grey(crop), pictures.grey(found[7]))[row, column]
    assert flow[1] == pytest.approx(-4.0, abs=0.8)


def test_a_region_is_marked_by_its_direction_and_by_who_names_it() -> None:
    measured = [sight("chin", "up"), sight("left eye", "closing"), sight("glabella", "down")]
    said = [sight("glabella", "down")._replace(level="slight"), sight("left eye", "down"), sight("upper lip", "up")]
    pairs = compared.sights([one._asdict() for one in measured], [one._asdict() for one in said])
    assert [(pair.region, pair.mark) for pair in pairs] == [
        ("glabella", compared.SAME),
        ("left eye", compared.DIFFERENT),
        ("upper lip", compared.ADDED),
        ("chin", compared.MISSING),
    ]


def test_words_that_the_other_text_lacks_are_marked() -> None:
    assert compared.words("both brows up: 1", "left brow up: 1") == [("both brows ", False), ("up: 1", True)]


@given(st.text("ab c;:"), st.text("ab c;:"))
def test_stretches_of_words_make_up_the_text(text: str, other: str) -> None:
    found = compared.words(text, other)
    assert "".join(stretch for stretch, _ in found) == text.lstrip()
    assert all(same for _, same in compared.words(text, text))


def test_a_confusion_counts_clips_and_keeps_answers_that_are_no_class(tmp_path: Path) -> None:
    (tmp_path / "confusion_head.csv").write_text("sheet,answered\na,a\na,b\nb,b\nb,none\nb,b\n")
    assert charts.confusion(tmp_path, "head") == charts.Matrix(["a", "b"], ["a", "b", "none"], [[1, 1, 0], [0, 2, 1]])


def test_an_axis_places_its_ends_and_what_lies_between() -> None:
    axis = charts.Axis("", [0.2, 0.4, 0.6], 220, 0)
    assert [axis.at(0.2), axis.at(0.5), axis.at(0.6)] == [220, 55, 0]
