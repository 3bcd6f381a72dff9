"""Label sheet + frame folders → a table of clips and a table of recordings.

Reads data/raw/DATASET. Writes data/index/DATASET.parquet, its report, data/reports/index/DATASET.json, and
data/recordings/DATASET.parquet, which is empty where a dataset has no whole recordings.
Run: ``python -m pipeline index DATASET``
"""

import sys

from deft.core import paths, schemas, tables
from deft.datasets import clips, recordings
from pipeline import stage


def main(dataset: str) -> None:
    """Index one dataset."""
    params = stage.load()
    layout = params.index.formats.get(dataset, dataset)
    indexed = clips.read(paths.RAW / dataset, dataset, layout, params.index.corrections)
    tables.write(paths.table("index", dataset), schemas.INDEX, ([clip] for clip in indexed.clips))
    recorded = recordings.read(paths.RAW / dataset, dataset, layout, indexed)
    tables.write(paths.table("recordings", dataset), schemas.RECORDINGS, ([row] for row in recorded.rows))
    report = clips.report(indexed) | recordings.report(recorded)
    tables.write_json(paths.report("index", dataset), report)
    members, expected = sum(report["composite"].values()), report.get("composite_expected")
    if expected not in (None, members):
        print(f"  {dataset}: {members} clips in MEGC 2019's classes, expected {expected}", file=sys.stderr)
    for clip, corrections in indexed.corrected.items():
        print(f"  {clip}: {'; '.join(corrections)}", file=sys.stderr)
    stage.finish(f"index {dataset}", len(indexed.clips), indexed.rejected | recorded.rejected, params.strict)
