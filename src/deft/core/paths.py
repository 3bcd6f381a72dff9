"""Where things lie, relative to the project's root: one layout of ``data/``, ``models/`` and ``metrics/``."""

from pathlib import Path

DATA, MODELS, METRICS, SCRATCH = Path("data"), Path("models"), Path("metrics"), Path(".scratch")
RAW, TRUTH = DATA / "raw", DATA / "truth"
TRIPLES, FOLDS = DATA / "triples.parquet", DATA / "folds.parquet"


def report(stage: str, *names: str) -> Path:
    """Return where a stage's report lies, for ``names`` such as a dataset, an expert or a family."""
    return DATA / "reports" / f"{'/'.join((stage, *names))}.json"


def folds(family: str) -> Path:
    """Return where a family's models of all folds lie, a folder each."""
    return MODELS / family / "folds"


def final(family: str) -> Path:
    """Return where a family's model that is tuned on all clips lies."""
    return MODELS / family / "final"


def predictions(family: str) -> Path:
    """Return where a family's answers for the held-out clips lie."""
    return DATA / "predictions" / f"{family}.parquet"


def table(stage: str, dataset: str) -> Path:
    """Return where a stage keeps a dataset's table."""
    return DATA / stage / f"{dataset}.parquet"
