"""Flow → evidence a region; labelled Action Units against it, and it against them.

Reads data/flow, data/landmarks and data/index (DATASET.parquet); for its AUC, data/truth. Writes
data/verify/DATASET.parquet and its report, data/reports/verify/DATASET.json.
Run: ``python -m pipeline verify DATASET``
"""

from functools import partial
from pathlib import Path

from deft.core import schemas, tables
from deft.facs import codes
from deft.motion import evidence, verification
from deft.score import verdicts
from pipeline import stage


def judge(
    index: Path,
    landmarks: Path,
    flow: Path,
    thresholds: tuple[float, float, float],
    calibration: verification.Calibration,
    supported: float,
    clip: str,
) -> list[tables.Row]:
    """Evidence and verdicts of one clip, a row a region."""
    points = tables.points(landmarks, clip)
    steps, fields = tables.flows(flow, clip)
    found = evidence.measure(fields, points, steps[-1]["noise"], thresholds)
    listed = [codes.Code(**code) for code in tables.row(index, clip, ["aus"])["aus"]]
    verdict = verification.verify(listed, evidence.by_region(found), calibration, supported)
    aus = [
        au.code._asdict() | {"code": codes.text([au.code]), "score": au.score, "verdict": au.verdict}
        for au in verdict.aus
    ]
    shared = {"clip": clip, "aus": aus, "consistency": verdict.consistency}
    return [shared | seen._asdict() | {"verdict": verdict.regions[seen.region]} for seen in found]


def main(dataset: str) -> None:
    """Verify one dataset."""
    params = stage.load()
    dials = params.verify
    index, landmarks, flow = (stage.table(name, dataset) for name in ("index", "landmarks", "flow"))
    thresholds = (dials.slight_z, dials.clear_z, dials.strong_z)
    calibration = verification.Calibration(dials.even_z, dials.slope)
    work = partial(judge, index, landmarks, flow, thresholds, calibration, dials.supported)
    figures = partial(verdicts.figures, stage.TRUTH, stage.table("verify", dataset), calibration, dials.supported)
    reads = [index, landmarks, flow]
    stage.map_clips("verify", dataset, work, tables.clips(flow), schemas.VERIFY, reads, params, figures)
