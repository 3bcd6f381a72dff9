"""Crops, landmarks and flow → the tokens of one frozen expert.

Reads data/crop, data/landmarks and data/flow (DATASET.parquet). Writes data/features/DATASET/EXPERT.parquet and its
report, data/reports/features/DATASET/EXPERT.json.
Run: ``python -m pipeline features DATASET EXPERT``
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from deft import experts
from deft.core import fanout, schemas, tables
from deft.core.errors import DataError
from deft.core.params import Features
from deft.media import pictures
from pipeline import stage


def clip(expert: str, files: Sequence[Path], key: str) -> experts.Clip:
    """A clip as an expert looks at it, from its crops, landmarks and flow; pictures that it does not need are left."""
    crops, landmarks, flow = files
    points = tables.points(landmarks, key)
    kept = [] if expert in experts.FLOW_ALONE else tables.rows(crops, ["clip", "crop"], key)
    frames = [pictures.decode(row["crop"]) for row in (kept[:1] if expert == "structure" else kept)]
    steps, fields = tables.flows(flow, key)
    return experts.Clip(frames, points, fields, steps[-1]["noise"])


def view(
    expert: str, files: Sequence[Path], dials: Features, batches: Mapping[str, Sequence[str]], name: str
) -> dict[str, list[tables.Row] | DataError]:
    """One expert's tokens of each clip of a batch."""
    clips = batches[name]
    model, shown = getattr(dials, expert), [clip(expert, files, key) for key in clips]
    found: dict[str, list[tables.Row] | DataError] = {}
    for key, tokens in zip(clips, experts.look(expert, model, shown, dials.grid, dials.tokens), strict=True):
        found[key] = [{"clip": key, "tokens": tokens.tolist()}]
        if not np.isfinite(tokens).all():
            bad = f"{np.count_nonzero(~np.isfinite(tokens))} of {tokens.size} values NaN or infinite"
            found[key] = DataError(f"features.{expert}: {model}", bad, "numbers", "take another model")
    return found


def main(dataset: str, expert: str) -> None:
    """Let one expert look at one dataset."""
    params = stage.load()
    dials, own = params.features, getattr(params.features, expert) == experts.DEFAULT
    files = [stage.table(name, dataset) for name in ("crop", "landmarks", "flow")]
    seen = files[2] if expert in experts.FLOW_ALONE else files[0]
    clips = sorted({*tables.clips(files[2])} & {*tables.clips(seen)})
    size = 1 if own else dials.batch
    batches = {clips[at]: clips[at : at + size] for at in range(0, len(clips), size)}
    name = f"{dataset}/{expert}"
    kept = stage.scratch(f"features/{name}", files, (expert, dials))
    work = partial(view, expert, files, dials, batches)
    cluster = stage.on_cpu(params) if own else stage.on_gpu(params)
    outcomes = stage.over(f"features {name}", work, list(batches), kept, cluster)
    stage.keep(
        "features", name, fanout.spread(outcomes, batches), clips, schemas.FEATURES, params, partial(figures, name)
    )


def figures(name: str) -> dict[str, object]:
    """Tokens and values a token."""
    return {"shape": np.shape(tables.rows(stage.table("features", name), ["tokens"])[0]["tokens"])}
