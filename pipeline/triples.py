"""Verified evidence → training texts: evidence, rationale, category.

A clip of which nothing is left stays in the table for scoring, with the reason why nobody trains on it in ``dropped``.

Reads data/verify and data/index of every dataset. Writes data/triples.parquet and its report,
data/reports/triples.json.
Run: ``python -m pipeline triples``
"""

from deft.core import paths, schemas, tables
from deft.core.params import Params
from deft.facs import codes, emotions
from deft.facs.units import EXPRESSIVE
from deft.language import compose
from deft.motion import evidence, verification
from pipeline import stage


def write(clip: tables.Row, verified: tables.Row, params: Params) -> tables.Row:
    """Write the triple of one clip, from its rows of ``index`` and ``verify``."""
    label = None
    if clip["kind"] == "micro":
        label = emotions.label(params.task.labels, clip["emotion"], clip["objective"], clip["classes"])
    aus = verified["aus"]
    wanted = {"supported", *(() if params.triples.verified else ("unsupported",))}
    held = [codes.Code(**{name: au[name] for name in codes.Code._fields}) for au in aus if au["verdict"] in wanted]
    regions = evidence.by_region(evidence.from_rows(verified["regions"]))
    composed = compose.compose(
        label or clip["emotion"] or "others",
        regions,
        held,
        labelled=bool(aus),
        regions=params.triples.regions,
        calibration=verification.Calibration(params.verify.even_z, params.verify.slope),
        supported=params.verify.supported,
    )
    dropped = None
    if clip["kind"] != "micro":
        dropped = "not a micro-expression"
    elif label is None:
        dropped = f"{clip['emotion'] or 'no emotion'} is no class under task.labels"
    elif not held and any(au["verdict"] != verification.UNOBSERVABLE for au in aus):
        dropped = "no listed unit is supported by the motion"
    return {
        **{name: clip[name] for name in ("clip", "dataset", "subject", "part", "emotion", "coarse")},
        "label": label,
        "listed": sorted(
            {au["unit"] for au in clip["aus"] if au["unit"] in EXPRESSIVE and not (au["static"] or au["alternative"])}
            | {au["unit"] for au in aus if au["verdict"] == "supported"}
        ),
        "units": sorted({code.unit for code in held}),
        **composed.columns(),
        "dropped": dropped,
    }


def main() -> None:
    """Write the triples of all datasets."""
    params = stage.load()
    rows = []
    for dataset in params.datasets:
        verified = {row["clip"]: row for row in tables.rows(stage.table("verify", dataset))}
        index = tables.rows(stage.table("index", dataset))
        rows += [write(clip, verified[clip["clip"]], params) for clip in index if clip["clip"] in verified]
    rows.sort(key=lambda row: row["clip"])
    tables.write(stage.DATA / "triples.parquet", schemas.TRIPLES, ([row] for row in rows))
    dropped = {row["clip"]: row["dropped"] for row in rows if row["dropped"]}
    words = {word for row in rows for word in row["target"].split()}
    report = {"triples": len(rows) - len(dropped), "dropped": dropped, "vocabulary": len(words)}
    tables.write_json(paths.report("triples"), report)
    stage.finish("triples", len(rows) - len(dropped), dropped, strict=False)
