"""Measure how soon a report of 500 clips is usable in headless Chromium; needs the outputs of ``make repro``.

Run: ``python -m bench.page``
"""

import shutil
import statistics
import tempfile
import time
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from deft.core import params, paths, tables
from deft.report import page

CLIPS, RUNS = 500, 5


def repeated(cards: list[page.Card]) -> list[page.Card]:
    """Return `CLIPS` cards: these cards repeated under other names."""
    return [
        card._replace(clip=f"{card.clip}-{number}", page=card.page.replace(card.clip, f"{card.clip}-{number}"))
        for number, card in enumerate(islice(cycle(cards), CLIPS))
    ]


def opened(browser: Browser, path: Path) -> dict[str, float]:
    """Return the seconds from navigation to the first paint, to a filtered list of clips, and to the end of loading."""
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    started = time.perf_counter()
    tab.goto(path.as_uri(), wait_until="commit")
    tab.fill("input[type=search]", "sub01")
    tab.wait_for_function(f"!document.querySelector('#count').textContent.startsWith('{CLIPS} ')")
    usable = time.perf_counter() - started
    tab.wait_for_load_state("load")
    painted = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    loaded = time.perf_counter() - started
    tab.close()
    return {"painted": painted, "usable": usable, "loaded": loaded}


def main() -> None:
    """Print the file's size and the median seconds over `RUNS` runs."""
    datasets = params.load().datasets
    cards = list(map(partial(page.card, paths.DATA, "deft"), tables.clips(paths.TRIPLES)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        page.write(path, repeated(cards), [], paths.METRICS, datasets)
        print(f"{CLIPS} clips: {path.stat().st_size / 1e6:.1f} MB")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        runs = [opened(browser, path) for _ in range(RUNS)]
        browser.close()
    for name in runs[0]:
        print(f"{name}: {statistics.median(run[name] for run in runs):.2f} s")


if __name__ == "__main__":
    main()
