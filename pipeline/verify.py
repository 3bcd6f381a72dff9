"""Flow → evidence per region, and verdicts on labelled Action Units and on regions.

Reads data/flow, data/landmarks and data/index (DATASET.parquet); for its AUC, data/truth. Writes
data/verify/DATASET.parquet and its report, data/reports/verify/DATASET.json.
Run: ``python -m pipeline verify DATASET``
"""

from functools import partial
from pathlib import Path

from deft import measure
from deft.core import paths, schemas, tables
from deft.core.params import Verify
from deft.facs import codes
from deft.motion import evidence, verification
from deft.score import verdicts
from pipeline import stage


def verify(index: Path, landmarks: Path, flow: Path, params: Verify, clip: str) -> list[tables.Row]:
    """Return one clip's row: the evidence and the verdict of each region, and of each listed Action Unit."""
    steps, fields = tables.flows(flow, clip)
    regions = measure.evidence(fields, tables.points(landmarks, clip), steps[-1]["noise"], params)
    listed = [codes.Code(**code) for code in tables.row(index, clip, ["aus"])["aus"]]
    calibration = verification.Calibration(params.even_z, params.slope)
    verified = verification.verify(listed, evidence.by_region(regions), calibration, params.supported)
    aus = [
        au.code._asdict() | {"code": codes.text([au.code]), "score": au.score, "verdict": au.verdict}
        for au in verified.aus
    ]
    judged = [region._asdict() | {"verdict": verified.regions[region.region]} for region in regions]
    return [{"clip": clip, "regions": judged, "aus": aus, "consistency": verified.consistency}]


def main(dataset: str) -> None:
    """Verify one dataset."""
    params = stage.load()
    index, landmarks, flow = (paths.table(name, dataset) for name in ("index", "landmarks", "flow"))
    calibration = verification.Calibration(params.verify.even_z, params.verify.slope)
    supported = params.verify.supported
    work = partial(verify, index, landmarks, flow, params.verify)
    figures = partial(verdicts.figures, paths.TRUTH, paths.table("verify", dataset), calibration, supported)
    inputs = [index, landmarks, flow]
    stage.map_clips("verify", dataset, work, tables.clips(flow), schemas.VERIFY, inputs, params, figures)
