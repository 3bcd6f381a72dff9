"""Who is held out in which fold, before anything is trained.

Reads data/triples.parquet. Writes data/folds.parquet and its report, data/reports/folds.json.
Run: ``python -m pipeline folds``
"""

import sys

from deft.core import paths, schemas, tables
from deft.learn import folds
from pipeline import stage

PATH = stage.DATA / "folds.parquet"


def read() -> dict[str, folds.Fold]:
    """The folds by name, the one that learns from all among them."""
    found: dict[str, folds.Fold] = {}
    for row in tables.rows(PATH):
        fold = found.setdefault(row["fold"], folds.Fold(row["fold"], [], []))
        (fold.train if row["role"] == "train" else fold.test).append(row["clip"])
    return found


def main() -> None:
    """Write the folds of the protocol, and the one that learns from all."""
    params = stage.load()
    rows = tables.rows(stage.DATA / "triples.parquet")
    found = folds.split(params.folds.protocol, params.folds.test, rows)
    people = {row["clip"]: tables.person(row) for row in rows}
    lines = [
        [
            {"fold": fold.name, "role": role, "clip": clip, "person": people[clip]}
            for role, clips in (("train", fold.train), ("test", fold.test))
            for clip in clips
        ]
        for fold in [*found.values(), folds.final(rows)]
    ]
    tables.write(PATH, schemas.FOLDS, lines)
    tested = [clip for fold in found.values() for clip in fold.test]
    unseen = {fold.name: sorted(lacking) for fold in found.values() if (lacking := folds.unseen(fold, rows))}
    for name, names in unseen.items():
        print(f"  {name}: nobody else shows {', '.join(names)}; its clips count as wrong", file=sys.stderr)
    report = {
        "protocol": params.folds.protocol,
        "folds": len(found),
        "clips": len(tested),
        "subjects": len({people[clip] for clip in tested}),
        "unseen_classes": unseen,
        "fewest_trained_on": min(len(fold.train) for fold in found.values()),
    }
    tables.write_json(paths.report("folds"), report)
    stage.finish("folds", len(found), {}, strict=False)
