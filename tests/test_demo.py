"""The page of `deft demo`, as one finds it in a browser; its server is a process of its own, as for a user."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import PATIENCE_MS, REAL, ROOT, in_browser, real_footage
from playwright.sync_api import Browser, Page, expect
from test_video import sound
from typer.testing import CliRunner

from deft import demo, inference
from deft.cli import app
from deft.core.errors import NoFaceError
from deft.language import triple
from deft.media import Image, video
from deft.models.deft import store
from deft.render import videos
from deft.render.corpus import FPS
from deft.report import video_page
from deft.spotting import Event
from deft.spotting.timeline import Person, Timeline

EVERY = 3  # of a rendered film's frames


class Server(NamedTuple):
    """Where the page is, where its temporary files lie, whom it called, and its process."""

    url: str
    temporary: Path
    called: Path
    process: subprocess.Popen[str]


# In the server: who is called goes into a file; with an endless film nobody but the main thread, which ends the server,
# gets to delete what was uploaded.
SITE = """
import sys
import threading

def heard(event, arguments):
    if event == "socket.connect":
        with open({called!r}, "a") as file:
            print(arguments[1], file=file)
    if {endless} and event == "shutil.rmtree" and threading.current_thread() is not threading.main_thread():
        threading.Event().wait()

sys.addaudithook(heard)
"""


@contextmanager
def serving(tuned: Path, folder: Path, *, endless: bool = False) -> Iterator[Server]:
    """``deft demo`` on a free port, all it writes and everyone it calls being watched.

    With ``endless`` the server never gets to the end of a film.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary, called = folder / "tmp", folder / "called"
    temporary.mkdir()
    called.touch()
    (folder / "sitecustomize.py").write_text(SITE.format(called=str(called), endless=endless), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'src'}", "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "deft.cli", "demo", "--port", str(port)]
    with subprocess.Popen(command, cwd=tuned, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            url = process.stdout.readline().split()[0]
            assert url == f"http://127.0.0.1:{port}"
            yield Server(url, temporary, called, process)
        finally:
            process.terminate()
            process.communicate()


@pytest.fixture(scope="module")
def server(tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tuned, tmp_path_factory.mktemp("demo")) as server:
        yield server


def write(path: Path, images: Iterable[Image], fps: float = FPS / EVERY) -> Path:
    """A film of pictures (480, 640, 3), compressed so little that small motion is still to be seen."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (640, 480))
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.fixture(scope="module")
def two_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered film with two micro-expressions, whose name is not to be taken for HTML."""
    plan = videos.plan(2, 4, 6.5)
    assert len(plan.events) == 2
    return write(tmp_path_factory.mktemp("film") / "two <i>events.avi", videos.frames(plan, EVERY))


@pytest.fixture(scope="module")
def blank() -> Image:
    return np.full((480, 640, 3), 90, np.uint8)


@contextmanager
def opened(server: Server, browser: Browser, scheme: str = "light") -> Iterator[Page]:
    """The page in a browser of 1200 pixels' width; what it says about errors, and calls elsewhere, fail the test."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.set_default_timeout(PATIENCE_MS)
    tab, said, asked = context.new_page(), list[str](), list[str]()
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(server.url)
    tab.wait_for_selector("#upload input", state="attached")
    yield tab
    context.close()
    assert said == []
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((f"{server.url}/", "data:"))] == []


@pytest.fixture
def tab(server: Server, browser: Browser) -> Iterator[Page]:
    with opened(server, browser) as tab:
        yield tab


def drop(tab: Page, path: Path) -> None:
    """Drop a file, and wait for what the page says of it."""
    tab.set_input_files("#upload input", path)
    tab.wait_for_selector(".video, .refused")


def expect_open(tab: Page, *wanted: bool) -> None:
    """Each event stands open or not, as is wanted of it."""
    entries = tab.locator("details")
    expect(entries).to_have_count(len(wanted))
    for number, is_open in enumerate(wanted):
        expect(entries.nth(number)).to_have_js_property("open", is_open)


@pytest.fixture(scope="module")
def watched_page(server: Server, browser: Browser, two_events: Path) -> Iterator[Page]:
    """The page once it has watched the film, as some test left it."""
    with opened(server, browser) as tab:
        drop(tab, two_events)
        yield tab


@pytest.fixture
def watching(watched_page: Page) -> Page:
    """The page once it has watched the film: the first event stands open."""
    watched_page.set_viewport_size({"width": 1200, "height": 900})
    watched_page.locator("details").evaluate_all("all => all.forEach((entry, at) => { entry.open = at === 0; })")
    return watched_page


@in_browser
def test_a_film_is_watched_and_its_first_event_stands_open(watching: Page, two_events: Path) -> None:
    expect(watching.locator("h2")).to_have_text(two_events.name)
    expect(watching.get_by_role("status").filter(has_text="2 micro-expressions")).to_be_visible()
    watching.reload()
    drop(watching, two_events)
    expect_open(watching, True, False)


@in_browser
def test_an_event_that_is_clicked_tells_its_whole_triple_its_probabilities_and_shows_it(watching: Page) -> None:
    watching.locator("summary").nth(1).click()
    expect_open(watching, False, True)
    event = watching.locator(".event").nth(1)
    evidence, rationale, category = (event.locator("dd").nth(at) for at in range(3))
    seen = "; ".join(evidence.locator("span").all_inner_texts()) or triple.NOTHING
    units = [unit.split()[0] for unit in category.locator("span").all_inner_texts() if unit != "no Action Unit"]
    emotion = category.locator("b").inner_text()
    told = f"{emotion}; {'+'.join(units) or triple.NO_UNIT}"
    assert triple.parse(f"Evidence: {seen}.\nRationale: {rationale.inner_text()}\nCategory: {told}")
    rows = [row.inner_text().split() for row in event.locator("tr").all()]
    assert sum(float(p) for _, p in rows) == pytest.approx(1, abs=0.03)
    assert emotion in [name for name, _ in rows]
    assert event.locator("figcaption").all_inner_texts() == [
        "onset",
        "apex",
        "motion, head removed",
        "evidence by region",
    ]
    widths = event.locator("img").evaluate_all("all => all.map(each => each.complete && each.naturalWidth)")
    assert len(widths) == 4
    assert min(widths) > 300


@in_browser
def test_a_mark_on_the_timeline_opens_its_event(watching: Page) -> None:
    for number in (2, 1):
        watching.locator(f"a[href='#event-{number}'] b").click()
        expect_open(watching, number == 1, number == 2)
        expect(watching.locator(f"#event-{number}")).to_be_in_viewport()


@in_browser
def test_events_open_by_keys_alone(watching: Page) -> None:
    watching.locator("summary").nth(0).focus()
    watching.keyboard.press("Enter")
    expect_open(watching, False, False)
    watching.keyboard.press("Tab")
    watching.keyboard.press("Space")
    expect_open(watching, False, True)


def violations(tab: Page) -> list[str]:
    return [each["id"] for each in Axe().run(tab).response["violations"]]


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_page(server: Server, browser: Browser, two_events: Path, scheme: str) -> None:
    with opened(server, browser, scheme) as tab:
        # What fades in is judged once it is there.
        tab.add_style_tag(content="* { transition: none !important; animation: none !important }")
        assert violations(tab) == []
        tab.set_input_files("#upload input", two_events)
        expect(tab.locator(".progress-level-inner")).to_contain_text("%")
        assert violations(tab) == []
        tab.wait_for_selector(".video")
        assert violations(tab) == []
        tab.set_input_files("#upload input", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no film"})
        tab.wait_for_selector(".refused")
        assert violations(tab) == []


@in_browser
@pytest.mark.parametrize("width", [1280, 1920])
def test_on_a_wide_screen_the_page_stands_in_the_middle(watching: Page, width: int) -> None:
    watching.set_viewport_size({"width": width, "height": 900})
    box = watching.locator("main").bounding_box()
    assert box is not None
    assert box["x"] == pytest.approx(width - box["x"] - box["width"], abs=16)  # but for a scroll bar


@in_browser
def test_on_a_telephone_nothing_is_wider_than_the_page(watching: Page) -> None:
    watching.set_viewport_size({"width": 400, "height": 800})
    assert watching.evaluate("document.documentElement.scrollWidth") == 400


@in_browser
@real_footage
def test_a_real_video_shows_an_event_that_opens(tab: Page) -> None:
    drop(tab, REAL / "single_face.mp4")
    first = tab.locator("summary").first
    first.click()
    expect(tab.locator("details[open]")).to_have_count(0)
    first.click()
    expect(tab.locator(".event").first).to_contain_text("Rationale")


@in_browser
def test_a_face_that_does_not_move_is_said_not_to(tab: Page, tmp_path: Path, astronaut: Image) -> None:
    drop(tab, write(tmp_path / "still.avi", [astronaut[:480, :500].repeat(2, axis=1)[:, 180:820]] * 20))
    expect(tab.locator(".video")).to_contain_text("Nothing found.")
    expect(tab.locator(".video")).to_contain_text("no facial motion above the video's own noise")


def text(path: Path, blank: Image) -> None:
    path.write_text("Dear diary")


def empty(path: Path, blank: Image) -> None:
    path.touch()


def corrupt(path: Path, blank: Image) -> None:
    path.write_bytes(write(path.with_suffix(".avi"), [blank] * 9).read_bytes()[:2000])


def voice(path: Path, blank: Image) -> None:
    sound(path)


def picture(path: Path, blank: Image) -> None:
    cv2.imwrite(str(path), blank)


def wall(path: Path, blank: Image) -> None:
    write(path, [blank] * 9)


def hour(path: Path, blank: Image) -> None:
    write(path, [blank] * 125, fps=1)


@in_browser
@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("notes.txt", text, "a file that holds no readable video"),
        ("empty.mp4", empty, "an empty file"),
        ("corrupt.mp4", corrupt, "a file that holds no readable video"),
        ("voice.mp4", voice, "a file without moving pictures"),
        ("picture.png", picture, "a single frame"),
        ("wall.avi", wall, "no face in any frame"),
        ("hour.avi", hour, "one of at most 120 s"),
    ],
)
def test_what_is_no_film_of_a_face_gets_a_kind_message(
    tab: Page, server: Server, tmp_path: Path, blank: Image, name: str, make: object, why: str
) -> None:
    assert callable(make)
    make(tmp_path / name, blank)
    drop(tab, tmp_path / name)
    said = tab.get_by_role("alert")
    expect(said).to_contain_text(f"{name} cannot be read")
    expect(said).to_contain_text(why)
    assert "Traceback" not in tab.inner_text("body")
    assert str(server.temporary) not in tab.inner_text("body")


@in_browser
def test_a_file_too_large_is_not_uploaded_and_another_can_be_dropped(
    tab: Page, server: Server, tmp_path: Path, blank: Image
) -> None:
    with (tmp_path / "large.mp4").open("wb") as file:
        file.truncate(201 * 2**20)
    tab.set_input_files("#upload input", tmp_path / "large.mp4")
    expect(tab.locator(".toast-wrap")).to_contain_text("maximum allowed size of 200")
    assert files(server.temporary) == []
    text(tmp_path / "notes.txt", blank)
    drop(tab, tmp_path / "notes.txt")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@in_browser
def test_once_a_film_is_watched_no_file_of_it_is_left(watching: Page, server: Server) -> None:
    expect(watching.locator(".video")).to_be_visible()
    assert files(server.temporary) == []


@in_browser
def test_a_server_that_is_stopped_in_the_midst_of_a_film_leaves_nothing(
    tuned: Path, browser: Browser, two_events: Path, tmp_path: Path
) -> None:
    with serving(tuned, tmp_path, endless=True) as server:
        with opened(server, browser) as tab:
            tab.set_input_files("#upload input", two_events)
            expect(tab.locator(".progress-level-inner")).to_contain_text("%")
            assert files(server.temporary)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0
        assert files(server.temporary) == []
        assert list(server.temporary.glob("deft-demo-*")) == []


@in_browser
def test_the_server_calls_nobody(watching: Page, server: Server) -> None:
    expect(watching.locator(".video")).to_be_visible()
    port = int(server.url.rpartition(":")[2])
    assert set(server.called.read_text(encoding="utf-8").splitlines()) == {str(("127.0.0.1", port))}


def test_a_port_that_is_taken_is_refused_with_what_to_do(tuned: Path, server: Server) -> None:
    port = server.url.rpartition(":")[2]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "deft.cli", "demo", "--port", port]
    done = subprocess.run(command, cwd=tuned, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (f"error: port {port}: found another program, expected a free port; choose one with --port\n")


def test_a_missing_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "--model", str(tmp_path)])
    assert done.exit_code == 1
    assert "dvc repro" in done.stderr


def test_the_model_is_loaded_once_and_answers_every_video_alike(
    tuned: Path, two_events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_again(folder: Path, *_: object) -> None:
        raise AssertionError(f"{folder} is loaded again")

    monkeypatch.chdir(tuned)
    with inference.load(tuned / "models" / "deft" / "final") as recogniser:
        monkeypatch.setattr(store, "loaded", load_again)
        first, second = (demo.watch(two_events, "video.avi", recogniser) for _ in range(2))
    assert "2 micro-expressions" in first
    assert first == second


def test_an_event_whose_face_cannot_be_read_says_so(tmp_path: Path) -> None:
    event = Event("macro", 10, 20, 30, 1.0, 2.0, 3.0, 4.0)
    person = Person(1, [event], [], [], [], [], [], [(0.0, 1.0), (2.0, 4.0)])
    timeline = Timeline(video.Source(tmp_path, (), 10.0, 50), 50, 5.0, [person], 3.0)
    error = NoFaceError("frame 10", "no face", "one seen from the front", "use another video")
    page = video_page.html("video.mp4", timeline, [(event, error)], None)
    assert "no face at its onset" in page
    assert "found no face, expected one seen from the front" in page
