"""Crops, landmarks and flow → the tokens of one frozen expert.

Reads data/crop, data/landmarks and data/flow (DATASET.parquet), and models/prior. Writes
data/features/DATASET/EXPERT.parquet and its report, data/reports/features/DATASET/EXPERT.json.
Run: ``python -m pipeline features DATASET EXPERT``
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from deft import experts, measure
from deft.core import fanout, paths, schemas, tables
from deft.core.errors import DataError
from deft.core.params import Features
from deft.media import pictures
from pipeline import stage

PIXELS = frozenset({"onset", "crops"})  # needs that a clip that comes as flow cannot meet
STILL = np.zeros((0, 0, 0, 2), np.float32)  # of a clip whose flow is not needed


def clip(expert: str, files: Mapping[str, Path], params: Features, key: str) -> experts.Clip:
    """Read what an expert needs of a clip."""
    needs, points = experts.needs(expert, params), tables.points(files["landmarks"], key)
    rows = tables.rows(files["crop"], ["clip", "crop"], key) if needs & PIXELS else []
    crops = [pictures.decode(row["crop"]) for row in (rows if "crops" in needs else rows[:1])]  # or the onset alone
    steps, flows = tables.flows(files["flow"], key) if "flow" in needs else ([{"noise": 0.0}], STILL)
    reading = None
    if "reading" in needs:
        from deft import prior  # here, since it loads PyTorch

        known = bool(tables.rows(files["crop"], ["clip"], key))  # a clip that comes as flow has no crops
        reading = prior.load(paths.PRIOR).read(flows[-1], points, known)
    return experts.Clip(crops, points, flows, steps[-1]["noise"], reading)


def encode(
    expert: str, files: Mapping[str, Path], params: Features, batches: Mapping[str, Sequence[str]], name: str
) -> dict[str, list[tables.Row] | DataError]:
    """Return an expert's tokens of each clip of a batch: one row per clip, or the error."""
    encoded = measure.tokens(expert, [clip(expert, files, params, key) for key in batches[name]], params)
    return {
        key: tokens if isinstance(tokens, DataError) else [{"clip": key, "tokens": tokens.tolist()}]
        for key, tokens in zip(batches[name], encoded, strict=True)
    }


def main(dataset: str, expert: str) -> None:
    """Encode the clips of one dataset by one expert."""
    params = stage.load()
    files = {name: paths.table(name, dataset) for name in ("crop", "landmarks", "flow")}
    own = experts.model(expert, params.features) in experts.expert(expert).OWN
    clips, needs = tables.clips(files["flow"]), experts.needs(expert, params.features)
    if needs & PIXELS:
        clips = sorted({*clips} & {*tables.clips(files["crop"])})
    cluster, size = (stage.on_cpu(params), 1) if own else (stage.on_gpu(params), params.features.batch)
    batches = {clips[start]: clips[start : start + size] for start in range(0, len(clips), size)}
    name = f"{dataset}/{expert}"
    kept = stage.scratch(f"features/{name}", [*files.values(), paths.PRIOR], (expert, params.features))
    work = partial(encode, expert, files, params.features, batches)
    by_clip = fanout.unbatch(stage.over(f"features {name}", work, list(batches), kept, cluster), batches)
    stage.keep("features", name, by_clip, clips, schemas.FEATURES, params, partial(figures, name))


def figures(name: str) -> dict[str, object]:
    """Return the shape of a clip's tokens: (tokens, dim)."""
    return {"shape": np.shape(tables.rows(paths.table("features", name), ["tokens"])[0]["tokens"])}
