"""Flow → evidence per region, and verdicts on labelled Action Units and on regions.

Reads data/flow, data/landmarks and data/index (DATASET.parquet) and models/prior; for its AUC, data/truth. Writes
data/verify/DATASET.parquet and its report, data/reports/verify/DATASET.json.
Run: ``python -m pipeline verify DATASET``
"""

from functools import partial
from pathlib import Path

from deft import measure
from deft.core import paths, schemas, tables
from deft.core.params import Verify
from deft.facs import codes
from deft.facs.units import UNITS, observable
from deft.motion import evidence, verification
from deft.score import verdicts
from pipeline import stage


def verify(index: Path, landmarks: Path, flow: Path, params: Verify, clip: str) -> list[tables.Row]:
    """Return one clip's row: the evidence and the verdict of each region, and of each listed Action Unit."""
    steps, fields = tables.flows(flow, clip)
    labels = tables.row(index, clip, ["aus", "flow"])
    points, noise_px, known = tables.points(landmarks, clip), steps[-1]["noise"], labels["flow"] is None
    reader = _reader(params)
    reading = reader.read(fields[-1], points, known) if reader else None
    explain = partial(reader.explained, fields[-1], points) if reader else None
    shown = measure.expression(fields, points, noise_px, params, reading)
    listed = [codes.Code(**code) for code in labels["aus"]]
    regions, scores = evidence.by_region(shown.evidence), shown.scores
    verified = verification.verify(listed, regions, scores, params.supported, shown.hidden, explain)
    aus = [
        au.code._asdict() | {"code": codes.text([au.code]), "score": au.score, "verdict": au.verdict}
        for au in verified.aus
    ]
    judged = [region._asdict() | {"verdict": verified.regions[region.region]} for region in shown.evidence]
    units = [
        {"unit": unit, "score": scores[unit, None], "right": scores[unit, "R"], "left": scores[unit, "L"]}
        | {"moved": unit in shown.moved}
        for unit in UNITS
        if observable(unit)
    ]
    return [{"clip": clip, "regions": judged, "aus": aus, "units": units, "consistency": verified.consistency}]


def _reader(params: Verify) -> verification.Reader | None:
    if params.method == "rules":
        return None
    from deft import prior  # here, since it loads PyTorch

    return prior.load(paths.PRIOR)


def main(dataset: str) -> None:
    """Verify one dataset."""
    params = stage.load()
    index, landmarks, flow = (paths.table(name, dataset) for name in ("index", "landmarks", "flow"))
    _reader(params.verify)  # a missing prior is told before any work
    work = partial(verify, index, landmarks, flow, params.verify)
    figures = partial(verdicts.figures, paths.TRUTH, paths.table("verify", dataset), params.verify.supported)
    inputs = [index, landmarks, flow, paths.PRIOR]
    stage.map_clips("verify", dataset, work, tables.clips(flow), schemas.VERIFY, inputs, params, figures)
