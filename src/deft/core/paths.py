"""Where things lie, relative to the project's root: one layout of ``data/``, ``models/`` and ``metrics/``."""

from pathlib import Path

DATA, MODELS, METRICS, SCRATCH = Path("data"), Path("models"), Path("metrics"), Path(".scratch")
RAW, TRUTH = DATA / "raw", DATA / "truth"
TRIPLES, FOLDS = DATA / "triples.parquet", DATA / "folds.parquet"


def table(stage: str, dataset: str) -> Path:
    """Return where a stage keeps a dataset's table."""
    return DATA / stage / f"{dataset}.parquet"
