"""Draw the pictures of README.md and docs/ anew, from the outputs of ``make repro`` and in headless Chromium.

Run: ``python -m bench.pictures``
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from deft.render import videos
from deft.render.corpus import FPS

SEED, SECONDS = 501, 30.0  # one of the videos on which the spotting rule was set; no figure is taken on it
EVERY = 3  # of the rendered frames
DOCS = Path("docs")
REPORT_PX: ViewportSize = {"width": 1200, "height": 860}
PORT = 7861


def render(path: Path) -> None:
    """Write a rendered video (MJPG)."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS / EVERY, (640, 480))
    for image in videos.frames(videos.plan(SEED, 0, SECONDS), EVERY):
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()


def deft(*arguments: object) -> list[str]:
    """Return the command line of a ``deft`` command."""
    return [sys.executable, "-m", "deft.cli", *map(str, arguments)]


def predicted(video: Path, folder: Path) -> None:
    """Draw the timeline of a video, and the event of which the model is surest."""
    subprocess.run(deft("predict", video, "--out", folder), check=True)
    events = json.loads((folder / f"{video.stem}.json").read_text(encoding="utf-8"))["events"]
    surest = max(range(len(events)), key=lambda index: events[index].get("confidence", 0.0))
    shutil.copy(folder / f"{video.stem}.png", DOCS / "timeline.png")
    shutil.copy(folder / f"{video.stem}-{surest + 1}.png", DOCS / "teaser.png")


def demo(browser: Browser, video: Path) -> None:
    """Take a picture of the browser page after a video."""
    server = subprocess.Popen(deft("demo", "--port", PORT), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        server.stdout.readline()  # the address: the page is there
        tab = browser.new_page(viewport={"width": 1080, "height": 900})
        tab.goto(f"http://127.0.0.1:{PORT}")
        tab.set_input_files("#upload input", video)
        tab.wait_for_selector("details[open] .panes img", timeout=300_000)
        tab.wait_for_timeout(1000)  # what fades in is there
        tab.screenshot(path=DOCS / "demo.png", full_page=True)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def report(browser: Browser, path: Path) -> None:
    """Take pictures of the report: its beginning, its list of clips filtered by verdict, and a clip's page."""
    subprocess.run(deft("report", "--out", path), check=True)
    tab = browser.new_page(viewport=REPORT_PX)
    tab.goto(path.as_uri())
    tab.screenshot(path=DOCS / "report.png")
    tab.locator("#filters select").filter(has_text="wrong").first.select_option("wrong")
    tab.locator("nav a", has_text="Clips").click()
    tab.wait_for_timeout(1000)  # images are decoded when they come into view
    tab.screenshot(path=DOCS / "report_clips.png")
    tab.locator("#list a:visible").first.click()
    tab.locator("#dialog").evaluate("dialog => dialog.style.maxHeight = 'none'")
    tab.locator("#page").screenshot(path=DOCS / "report_clip.png")


def main() -> None:
    """Draw all of them."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        video = folder / "rendered_video.avi"
        render(video)
        predicted(video, folder)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        report(browser, folder / "report.html")
        demo(browser, video)
        browser.close()


if __name__ == "__main__":
    main()
