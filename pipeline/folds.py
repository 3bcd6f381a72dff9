"""Folds: which subjects are held out in which fold, decided before any training.

Reads data/triples.parquet. Writes data/folds.parquet and its report, data/reports/folds.json.
Run: ``python -m pipeline folds``
"""

import sys

from deft.core import paths, schemas, tables
from deft.learn import folds
from pipeline import stage


def read() -> dict[str, folds.Fold]:
    """Return the folds by name, "final", which trains on all clips, among them."""
    split: dict[str, folds.Fold] = {}
    for row in tables.rows(paths.FOLDS):
        fold = split.setdefault(row["fold"], folds.Fold(row["fold"], [], []))
        clips = fold.train if row["role"] == "train" else fold.test
        clips.append(row["clip"])
    return split


def main() -> None:
    """Write the folds of the protocol, and the one that trains on all clips."""
    params = stage.load()
    rows = tables.rows(paths.TRIPLES)
    split = folds.split(params.folds.protocol, params.folds.test, rows)
    people = {row["clip"]: tables.person(row) for row in rows}
    groups = [
        [
            {"fold": fold.name, "role": role, "clip": clip, "person": people[clip]}
            for role, clips in (("train", fold.train), ("test", fold.test))
            for clip in clips
        ]
        for fold in [*split.values(), folds.final(rows)]
    ]
    tables.write(paths.FOLDS, schemas.FOLDS, groups)
    tested = [clip for fold in split.values() for clip in fold.test]
    unseen = {name: sorted(folds.unseen(fold, rows)) for name, fold in split.items()}
    unseen = {name: classes for name, classes in unseen.items() if classes}
    for name, classes in unseen.items():
        print(f"  {name}: nobody else shows {', '.join(classes)}; its clips count as wrong", file=sys.stderr)
    report = {
        "protocol": params.folds.protocol,
        "folds": len(split),
        "clips": len(tested),
        "subjects": len({people[clip] for clip in tested}),
        "unseen_classes": unseen,
        "fewest_trained_on": min(len(fold.train) for fold in split.values()),
    }
    tables.write_json(paths.report("folds"), report)
    stage.finish("folds", len(split), {}, strict=False)
