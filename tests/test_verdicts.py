from pathlib import Path

import pandas as pd
import yaml

from deft.score import verdicts


def test_verdicts_are_counted_and_scored_against_truth(corpus: Path) -> None:
    supported = yaml.safe_load((corpus / "params.yaml").read_text(encoding="utf-8"))["verify"]["supported"]
    found = verdicts.figures(corpus / "data" / "truth", corpus / "data" / "verify" / "rendered.parquet", supported)
    clips = 9
    assert sum(found["verdicts"].get(verdict, 0) for verdict in ("explained", "unexplained", "still")) == 17 * clips
    assert 0.8 < found["auc"] <= 1
    assert set(found["curves"]) == {"amplitude", "head"}
    for curve in found["curves"].values():
        lengths = [point["px"] for point in curve]
        assert len(lengths) > 1
        assert lengths == sorted(lengths)
        assert all(0 <= point["auc"] <= 1 for point in curve)


MOVED_PX = [0.0, 0.0, 0.0, 0.7, 0.7, 1.5]
SCORES = [0.1, 0.2, 0.6, 0.5, 0.7, 0.9]


def test_a_curve_is_that_of_the_hand() -> None:
    """Of two units that move by 0.7 px and three that are still, five pairs of six are in order."""
    rows = pd.DataFrame({"moved_px": MOVED_PX, "score": SCORES})
    found = verdicts._curve(rows.moved_px, verdicts.AMPLITUDES_PX, rows, rows[rows.moved_px == 0])
    assert found == [{"px": 0.7, "auc": 0.8333}, {"px": 1.5, "auc": 1.0}]


def test_without_truth_verdicts_are_only_counted(corpus: Path, tmp_path: Path) -> None:
    found = verdicts.figures(tmp_path, corpus / "data" / "verify" / "rendered.parquet", 0.7)
    assert set(found) == {"verdicts"}
