"""All that the pipeline knows of one clip, from its tables; which clips there are; what was left out on the way."""

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
    """A clip as it is shown. Rows are those of `deft.core.tables`; pictures and places are crops and their pixels."""

    row: tables.Row  # of the index, without its frames
    crops: dict[int, Image]  # by position in the clip's frames; empty: the clip comes as flow
    points: Points
    flow: Flow  # at the apex
    evidence: list[Evidence]
    verdicts: dict[str, str]  # region → explained, unexplained or still
    aus: list[tables.Row]  # the sheet's, with score and verdict
    consistency: float
    triple: tables.Row
    answer: tables.Row | None  # None: nobody asked the model about this clip


class LeftOut(NamedTuple):
    """What did not come through: the stage, what it was, and why."""

    stage: str
    what: str
    why: str


def read(data: Path, family: str, clip: str) -> View:
    """Return a clip's view from the tables in ``data``, with the answer of a model family."""
    index, crops, landmarks, flow, verify = (data / stage / f"{clip.split('/')[0]}.parquet" for stage in STAGES)
    verified = tables.row(verify, clip)
    kept = {row["position"]: row["crop"] for row in tables.rows(crops, ["position", "crop"], clip)}
    return View(
        row=tables.row(index, clip, _FIELDS),
        crops={position: pictures.decode(kept[position]) for position in sorted(kept)},
        points=tables.points(landmarks, clip),
        flow=tables.flows(flow, clip)[1][-1],
        evidence=evidence.from_rows(verified["regions"]),
        verdicts={region["region"]: region["verdict"] for region in verified["regions"]},
        aus=verified["aus"],
        consistency=verified["consistency"],
        triple=tables.row(data / "triples.parquet", clip),
        answer=next(iter(tables.rows(_answers(data, family), clip=clip)), None),
    )


def known(data: Path, family: str) -> list[str]:
    """Return the keys of the clips that have a triple.

    Raises:
        DataError: there are no answers of the family yet.

    """
    tables.clips(_answers(data, family))
    return tables.clips(data / "triples.parquet")


def find(data: Path, family: str, clip: str, datasets: Sequence[str]) -> View:
    """The view of a clip that a person named.

    Raises:
        DataError: there is no such clip, or a stage could make nothing of it.

    """
    there = known(data, family)
    if clip in there:
        return read(data, family, clip)
    for stage, what, why in left_out(data, datasets):
        if clip == what.split(", ")[-1]:
            raise DataError(clip, f"no triple: {stage}: {why}", "a clip that came through", "mend that, `dvc repro`")
    near = [key for key in there if clip in key] or difflib.get_close_matches(clip, there, 5)
    remedy = f"perhaps {', '.join(near[:5])}" if near else f"one is {there[0]}"
    raise DataError(f"clip {clip}", "no such clip", "the key of one, dataset/subject/name", remedy)


def left_out(data: Path, datasets: Iterable[str]) -> Iterator[LeftOut]:
    """Rows of sheets that were rejected, clips that failed in a stage, and those that nobody trains on."""
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


def right(given: str | None, view: View) -> str:
    """Whether an answer's class is that of the sheet: right, wrong or not asked."""
    if view.answer is None:
        return NOT_ASKED
    return RIGHT if given == view.triple["label"] else WRONG


def category(view: View) -> str:
    """The category that the model told, as the triple has it; empty where it told none."""
    said = view.answer
    if said is None or said["said_emotion"] is None:
        return ""
    return triple.category_text(said["said_emotion"], said["said_aus"])


def unexplained(view: View) -> list[str]:
    """Regions that move although no listed unit says so."""
    return [region for region, verdict in view.verdicts.items() if verdict == verification.UNEXPLAINED]
