"""Paths of all files, relative to the project's root: the layout of ``data/``, ``models/`` and ``metrics/``."""

from pathlib import Path

DATA, MODELS, METRICS, SCRATCH = Path("data"), Path("models"), Path("metrics"), Path(".scratch")
RAW, TRUTH = DATA / "raw", DATA / "truth"
PRIOR = MODELS / "prior"
TRIPLES, FOLDS = DATA / "triples.parquet", DATA / "folds.parquet"


def report(stage: str, *names: str) -> Path:
    """Return the path of a stage's report, for ``names`` such as a dataset, an expert or a family."""
    return DATA / "reports" / f"{'/'.join((stage, *names))}.json"


def folds(family: str) -> Path:
    """Return the folder of a family's models of all folds, one folder each."""
    return MODELS / family / "folds"


def final(family: str) -> Path:
    """Return the folder of the family's model that is tuned on all clips."""
    return MODELS / family / "final"


def predictions(family: str) -> Path:
    """Return the path of a family's answers for the held-out clips."""
    return DATA / "predictions" / f"{family}.parquet"


def table(stage: str, dataset: str) -> Path:
    """Return the path of a stage's table of a dataset."""
    return DATA / stage / f"{dataset}.parquet"
