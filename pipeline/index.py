"""Label sheet + frame folders → one table of clips.

Reads data/raw/DATASET. Writes data/index/DATASET.parquet and its report, data/reports/index/DATASET.json.
Run: ``python -m pipeline index DATASET``
"""

import sys

from deft.core import paths, schemas, tables
from deft.datasets import clips
from pipeline import stage


def main(dataset: str) -> None:
    """Index one dataset."""
    params = stage.load()
    layout = params.index.formats.get(dataset, dataset)
    found = clips.read(stage.RAW / dataset, dataset, layout, params.index.corrections)
    tables.write(stage.table("index", dataset), schemas.INDEX, ([clip] for clip in found.clips))
    report = clips.report(found)
    tables.write_json(paths.report("index", dataset), report)
    members, expected = sum(report["composite"].values()), report.get("composite_expected")
    if expected not in (None, members):
        print(f"  {dataset}: {members} clips in MEGC 2019's classes, expected {expected}", file=sys.stderr)
    for clip, what in found.corrected.items():
        print(f"  {clip}: {'; '.join(what)}", file=sys.stderr)
    stage.finish(f"index {dataset}", len(found.clips), found.rejected, params.strict)
