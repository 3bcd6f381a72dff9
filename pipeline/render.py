"""Render the licence-free corpus in CASME II's layout, and its truth beside it.

Writes data/raw/rendered, data/truth/clips.parquet, data/truth/flow.parquet and the report data/reports/render.json.
Run: ``python -m pipeline render``
"""

from functools import partial
from pathlib import Path

from deft.core import fanout, paths, schemas, tables
from deft.render import clips, corpus, layouts
from deft.render.layouts import casme2
from pipeline import stage


def render(plans: dict[str, corpus.ClipPlan], root: Path, clip: str) -> tables.Row:
    """Write one clip's frames and return its truth."""
    return clips.render(plans[clip], root)._asdict()


def main() -> None:
    """Render all clips."""
    params = stage.load()
    dials = params.render.model_dump(exclude={"layouts"})
    plans = {"/".join(("rendered", *casme2.LAYOUT.identify(plan))): plan for plan in corpus.plan(**dials)}
    kept = stage.scratch("render", [], dials)
    root = kept.with_suffix(".frames")  # moved into its place when whole
    root.mkdir(parents=True, exist_ok=True)
    layouts.write_labels(casme2.LAYOUT, list(plans.values()), root, traps=False)
    work = partial(render, plans, root)
    truths, failures = fanout.gather(stage.over("render", work, sorted(plans), kept, stage.on_cpu(params)))
    stage.replace(root, stage.RAW / "rendered")
    for name, schema in (("clips", schemas.TRUTH), ("flow", schemas.TRUTH_FLOW)):
        tables.write(stage.TRUTH / f"{name}.parquet", schema, ([_flat(truth)] for truth in truths.values()))
    report = {"clips": len(truths), "subjects": params.render.subjects, "failures": failures}
    tables.write_json(paths.report("render"), report)
    stage.finish("render", len(truths), failures, params.strict)


def _flat(truth: tables.Row) -> tables.Row:
    flat = {name: truth[name].ravel() for name in ("landmarks", "head", "flow")}
    return truth | flat | {"shape": truth["flow"].shape}
