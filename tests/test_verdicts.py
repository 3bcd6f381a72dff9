from pathlib import Path

import yaml

from deft.motion.verification import Calibration
from deft.score import verdicts

CALIBRATION = Calibration(2.7, 2.4)


def test_verdicts_are_counted_and_scored_against_truth(corpus: Path) -> None:
    supported = yaml.safe_load((corpus / "params.yaml").read_text(encoding="utf-8"))["verify"]["supported"]
    found = verdicts.figures(
        corpus / "data" / "truth", corpus / "data" / "verify" / "rendered.parquet", CALIBRATION, supported
    )
    clips = 9
    assert sum(found["verdicts"][verdict] for verdict in ("explained", "unexplained", "still")) == 17 * clips
    assert 0.8 < found["auc"] <= 1
    for curve in found["curves"].values():
        assert [point["px"] for point in curve] == sorted(point["px"] for point in curve)
        assert all(0 <= point["auc"] <= 1 for point in curve)


def test_without_truth_verdicts_are_only_counted(corpus: Path, tmp_path: Path) -> None:
    found = verdicts.figures(tmp_path, corpus / "data" / "verify" / "rendered.parquet", CALIBRATION, 0.7)
    assert set(found) == {"verdicts"}
