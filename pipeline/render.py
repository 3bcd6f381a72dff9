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
    seed, subjects, count, wrong = params.render.seed, params.render.subjects, params.render.clips, params.render.wrong
    planned = corpus.plan(seed=seed, subjects=subjects, clips=count, wrong=wrong)
    plans = {"/".join(("rendered", *casme2.LAYOUT.identify(plan))): plan for plan in planned}
    kept = stage.scratch("render", [], (seed, subjects, count, wrong))
    root = kept.with_suffix(".frames")  # moved into place once it is complete
    root.mkdir(parents=True, exist_ok=True)
    layouts.write_labels(casme2.LAYOUT, list(plans.values()), root, traps=False)
    work = partial(render, plans, root)
    truths, failures = fanout.gather(stage.over("render", work, sorted(plans), kept, stage.on_cpu(params)))
    stage.replace(root, paths.RAW / "rendered")
    for name, schema in (("clips", schemas.TRUTH), ("flow", schemas.TRUTH_FLOW)):
        tables.write(paths.TRUTH / f"{name}.parquet", schema, ([_flat(truth)] for truth in truths.values()))
    report = {"clips": len(truths), "subjects": params.render.subjects, "failures": failures}
    tables.write_json(paths.report("render"), report)
    stage.finish("render", len(truths), failures, params.strict)


def _flat(truth: tables.Row) -> tables.Row:
    """Return a clip's truth with its arrays flattened, as the tables hold them."""
    flat = {name: truth[name].ravel() for name in ("landmarks", "head", "flow")}
    return truth | flat | {"shape": truth["flow"].shape}
