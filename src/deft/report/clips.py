"""Read from the tables: everything about one clip, which clips exist, and what was left out."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from deft.core import tables
from deft.core.errors import DataError
from deft.face import Points
from deft.language import triple
from deft.media import Image, pictures
from deft.motion import evidence, verification
from deft.motion.evidence import Evidence
from deft.report.overlay import Flow

RIGHT, WRONG, NOT_ASKED = "right", "wrong", "not asked"
MARKS = {RIGHT: "✓", WRONG: "✗", NOT_ASKED: "–"}
STAGES = ("index", "crop", "landmarks", "flow", "verify")
READ = (*STAGES, "triples.parquet", "predictions")
_FIELDS = ["clip", "dataset", "subject", "name", "onset", "apex", "offset", "fps", "emotion", "note"]


class View(NamedTuple):
    """A clip as it is shown; images are crops, coordinates are crop px."""

    row: tables.Row  # of the index, without its frames
    crops: dict[int, Image]  # by position in the clip's frames; empty for a clip that comes as flow
    points: Points
    flow: Flow  # at the apex
    evidence: list[Evidence]
    verdicts: dict[str, str]  # region → explained, unexplained or still
    aus: list[tables.Row]  # the sheet's, with score and verdict
    consistency: float
    triple: tables.Row
    answer: tables.Row | None  # None: the clip is held out in no fold


class LeftOut(NamedTuple):
    """Something that was left out: the stage, what it was, and the reason."""

    stage: str
    what: str
    why: str


def read(data: Path, family: str, clip: str) -> View:
    """Return a clip's view from the tables in ``data``, with the answer of a model family."""
    dataset = clip.split("/")[0]
    index, crops, landmarks, flow, verify = (data / stage / f"{dataset}.parquet" for stage in STAGES)
    verified = tables.row(verify, clip)
    encoded = {row["position"]: row["crop"] for row in tables.rows(crops, ["position", "crop"], clip)}
    answers = tables.rows(_answers(data, family), clip=clip)
    _, flows = tables.flows(flow, clip)
    return View(
        row=tables.row(index, clip, _FIELDS),
        crops={position: pictures.decode(encoded[position]) for position in sorted(encoded)},
        points=tables.points(landmarks, clip),
        flow=flows[-1],
        evidence=evidence.from_rows(verified["regions"]),
        verdicts={region["region"]: region["verdict"] for region in verified["regions"]},
        aus=verified["aus"],
        consistency=verified["consistency"],
        triple=tables.row(data / "triples.parquet", clip),
        answer=answers[0] if answers else None,
    )


def known(data: Path, family: str) -> list[str]:
    """Return the keys of the clips that have a triple.

    Raises:
        DataError: there are no answers of the family yet.

    """
    tables.clips(_answers(data, family))
    return tables.clips(data / "triples.parquet")


def find(data: Path, family: str, clip: str, datasets: Sequence[str]) -> View:
    """Return the view of a clip by the name that a user typed.

    Raises:
        DataError: there is no such clip, or it failed in a stage.

    """
    keys = known(data, family)
    if clip in keys:
        return read(data, family, clip)
    for stage, what, why in left_out(data, datasets):
        if clip == what.split(", ")[-1]:
            raise DataError(
                clip, f"no triple: {stage}: {why}", "a clip that came through", "fix that, then run `dvc repro`"
            )
    near = [key for key in keys if clip in key] or difflib.get_close_matches(clip, keys, 5)
    remedy = f"perhaps {', '.join(near[:5])}" if near else f"one is {keys[0]}"
    raise DataError(f"clip {clip}", "no such clip", "the key of one, dataset/subject/name", remedy)


def left_out(data: Path, datasets: Iterable[str]) -> Iterator[LeftOut]:
    """Yield rejected rows of sheets, clips that failed in a stage, and clips that are not trained on."""
    for dataset in datasets:
        reports = {stage: data / "reports" / stage / f"{dataset}.json" for stage in STAGES}
        experts = sorted((data / "reports" / "features" / dataset).glob("*.json"))
        reports |= {f"features {path.stem}": path for path in experts}
        for stage, path in reports.items():
            for what, why in tables.read_json(path)["failures"].items():
                yield LeftOut(stage, what, why)
    for what, why in tables.read_json(data / "reports" / "triples.json")["dropped"].items():
        yield LeftOut("triples", what, why)


def _answers(data: Path, family: str) -> Path:
    return data / "predictions" / f"{family}.parquet"


def right(emotion: str | None, view: View) -> str:
    """Return whether an answered class is that of the sheet: right, wrong or not asked."""
    if view.answer is None:
        return NOT_ASKED
    return RIGHT if emotion == view.triple["label"] else WRONG


def category(view: View) -> str:
    """Return the category in the answer, in the triple's form; empty where there is none."""
    answer = view.answer
    if answer is None or answer["said_emotion"] is None:
        return ""
    return triple.category_text(answer["said_emotion"], answer["said_aus"])


def unexplained(view: View) -> list[str]:
    """Return the regions that move although no listed unit explains it."""
    return [region for region, verdict in view.verdicts.items() if verdict == verification.UNEXPLAINED]
