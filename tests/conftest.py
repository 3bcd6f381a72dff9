import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import openpyxl
import pytest
import skimage.data
import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, expect, sync_playwright

from deft.face import Points, align, mesh
from deft.facs import words
from deft.facs.codes import Code
from deft.facs.emotions import COARSE, LABELS, PROTOTYPES
from deft.facs.regions import REGIONS
from deft.facs.units import UNITS, observable
from deft.language import textbook, tokenizer, triple
from deft.media import Image
from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout

if TYPE_CHECKING:  # at run time deft comes first: it keeps transformers off the network
    from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[1]
SMALL: dict[str, dict[str, Any]] = {
    "render": {"subjects": 3, "clips": 3},
    "crop": {"frames": 6},
    "flow": {"steps": 2},
    "features": {"grid": 2},
    "prior": {"fields": 6000},
}
STAGES = (
    ["render"],
    ["index", "rendered"],
    ["crop", "rendered"],
    ["prior"],
    ["landmarks", "rendered"],
    ["flow", "rendered"],
    ["verify", "rendered"],
    ["triples"],
    ["folds"],
    ["features", "rendered", "structure"],
    ["features", "rendered", "texture"],
    ["features", "rendered", "motion"],
    ["features", "rendered", "field"],
)

REAL = ROOT.parent / "shared" / "real"
real_footage = pytest.mark.skipif(not REAL.is_dir(), reason="needs the test footage beside the project")
CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 300_000.0  # other work may have the machine
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")

SHOWN = [unit for unit in UNITS if observable(unit)]
CLASSES = sorted({*COARSE, *COARSE.values(), *PROTOTYPES, *(name for names in LABELS.values() for name in names)})

sys.path.insert(0, str(ROOT))  # for ``pipeline``, which is not installed

settings.register_profile("small", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("small")


def run_stage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a stage as a user does, in a folder of its own that holds params.yaml and data/."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write_params(folder: Path, **changes: Any) -> dict[str, Any]:
    """The project's own params.yaml, shrunk, and with ``changes`` of whole sections' keys or of top-level values."""
    params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["jobs"] = 2
    for section, values in [*SMALL.items(), *changes.items()]:
        params[section] = params[section] | values if isinstance(values, dict) else values
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return params


@contextmanager
def edited(path: Path) -> Iterator[openpyxl.Workbook]:
    """A workbook to be changed, and written back."""
    book = openpyxl.load_workbook(path)
    yield book
    book.save(path)


def empty_frames(layout: Layout, plans: Sequence[ClipPlan], root: Path) -> None:
    """An empty file for every frame of a layout."""
    for plan in plans if layout.frame else []:
        for position in range(plan.frames):
            path = root / layout.frame(plan, position)  # type: ignore[misc]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def random_flow(seed: int) -> npt.NDArray[np.float32]:
    """A few large motions over fine noise: flow (256, 256, 2)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    flow = rng.normal(0, 0.1, (256, 256, 2))
    for _ in range(4):
        cx, cy, width = rng.uniform(60, 200), rng.uniform(60, 230), rng.uniform(8, 25)
        flow += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))[..., None] * rng.normal(0, 1, 2)
    return flow.astype(np.float32)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every stage up to triples and features has run on 3 × 3 rendered clips. Read only."""
    folder = tmp_path_factory.mktemp("corpus")
    write_params(folder)
    for arguments in STAGES:
        done = run_stage(folder, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return folder


@pytest.fixture(scope="session")
def tuned(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tuned model's folder: every stage has run, on a tiny language model."""
    folder = tmp_path_factory.mktemp("tuned")
    shutil.copytree(corpus / "data", folder / "data")
    shutil.copytree(corpus / "models", folder / "models")
    write_params(
        folder,
        backbone={"width": 32, "layers": 1, "heads": 2, "vocabulary": 400, "steps": 20, "batch": 8},
        finetune={"epochs": 2},
    )
    for arguments in (["backbone"], ["finetune", "deft"], ["predict", "deft"], ["baseline"], ["evaluate"]):
        done = run_stage(folder, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; whatever a test expects of a page may take `PATIENCE_MS`."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """A picture (512, 512, 3) of a face (NASA, public domain)."""
    return np.asarray(skimage.data.astronaut())


@pytest.fixture(scope="session")
def crop(astronaut: Image) -> Image:
    """That face, aligned: 256 × 256, the eyes 80 pixels apart."""
    return align.cut(astronaut, align.transform(mesh.landmarks(astronaut), 256, 80, 0.38), 256)


@pytest.fixture(scope="session")
def points(crop: Image) -> Points:
    """Its 68 points in the crop."""
    return mesh.landmarks(crop)


@st.composite
def triples(draw: st.DrawFn) -> triple.Triple:
    """Triples over all regions, ways, units and classes of the tables."""
    codes = draw(
        st.lists(st.sampled_from([Code(unit, side) for side in (None, "R", "L") for unit in SHOWN]), max_size=5)
    )
    shown: dict[Code, list[triple.Sight]] = {code: [] for code in codes}
    others: list[triple.Sight] = []
    for region in draw(st.lists(st.sampled_from(REGIONS), unique=True, max_size=8)):
        way = draw(st.sampled_from((*words.directions(region), *words.OPENING)))
        sight = triple.Sight(region, way, draw(st.sampled_from(words.LEVELS[1:])), draw(st.sampled_from(words.TIMINGS)))
        draw(st.sampled_from([*shown.values(), others])).append(sight)
    return triple.write(draw(st.sampled_from(CLASSES)), list(shown.items()), others)


@pytest.fixture(scope="session")
def words_of_pages() -> "PreTrainedTokenizerFast":
    """A small tokenizer, learned from the textbook."""
    pages = textbook.pages(200, 0)
    return tokenizer.train([phrase for page in pages for phrase in (*page.region_phrases, page.text)], 500)
