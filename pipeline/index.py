"""Label sheet + frame folders → one table of clips.

Reads data/raw/DATASET. Writes data/index/DATASET.parquet and its report, DATASET.json.
Run: ``python -m pipeline index DATASET``
"""

from deft import tables
from deft.datasets import clips
from pipeline import stage


def main(dataset: str) -> None:
    """Index one dataset."""
    params = stage.load()
    found = clips.read(stage.RAW / dataset, dataset, params.index.formats.get(dataset, dataset))
    path = stage.table("index", dataset)
    tables.write(path, tables.INDEX, ([clip] for clip in found.clips))
    report = {
        "clips": len(found.clips),
        "subjects": len({clip["subject"] for clip in found.clips}),
        "failures": found.rejected,
    }
    tables.write_json(path.with_suffix(".json"), report)
    stage.finish(f"index {dataset}", len(found.clips), found.rejected, params.strict)
