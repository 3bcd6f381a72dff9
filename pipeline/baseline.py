"""MDMO + SVM and the majority class, in the same folds as the model.

Reads data/triples.parquet, data/folds.parquet, data/flow and data/landmarks. Writes data/baselines.parquet and its
report, baselines.json.
Run: ``python -m pipeline baseline``
"""

import numpy as np

from deft import fanout, tables
from deft.models import baselines
from pipeline import folds, stage


def mdmo(clip: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A clip's MDMO feature."""
    dataset = clip.split("/")[0]
    points = np.array(tables.row(stage.table("landmarks", dataset), clip)["points"], np.float32).reshape(68, 2)
    return baselines.mdmo(tables.flows(stage.table("flow", dataset), clip)[1], points)


def main() -> None:
    """Fit and test both baselines in every fold."""
    params = stage.load()
    triples = tables.rows(stage.DATA / "triples.parquet")
    label = {row["clip"]: row["label"] for row in triples if row["label"]}
    kept = stage.scratch("baseline", [stage.DATA / "flow", stage.DATA / "landmarks"], params)
    features, failures = fanout.gather(stage.over("baseline", mdmo, sorted(label), kept, params))
    found = []
    for fold in folds.read().values():
        train = [clip for clip in fold.train if clip in features]
        test = [clip for clip in fold.test if clip in features]
        if not test:  # the fold that learns from all
            continue
        labels = [label[clip] for clip in train]
        machine = baselines.svm(
            np.stack([features[clip] for clip in train]),
            labels,
            np.stack([features[clip] for clip in test]),
            params.baseline.penalty,
        )
        answers = {"mdmo_svm": machine, "majority": baselines.majority(labels, len(test))}
        found += [
            {"clip": clip, "baseline": name, "emotion": emotion}
            for name, given in answers.items()
            for clip, emotion in zip(test, given, strict=True)
        ]
    found.sort(key=lambda row: (row["clip"], row["baseline"]))
    tables.write(stage.DATA / "baselines.parquet", tables.BASELINES, [found])
    tables.write_json(stage.DATA / "baselines.json", {"clips": len(features), "failures": failures})
    stage.finish("baseline", len(features), failures, params.strict)
