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
from deft.language import compose, triple
from deft.motion import verification
from deft.motion.evidence import Evidence
from pipeline import stage


def write(clip: tables.Row, found: list[tables.Row], params: Params) -> tables.Row:
    """The triple of one clip, from its row of the index and its rows of ``verify``."""
    label = None
    if clip["kind"] == "micro":
        label = emotions.label(params.task.labels, clip["emotion"], clip["objective"], clip["classes"])
    aus = found[0]["aus"]
    wanted = {"supported", *(() if params.triples.verified else ("unsupported",))}
    held = [codes.Code(**{name: au[name] for name in codes.Code._fields}) for au in aus if au["verdict"] in wanted]
    evidence = {row["region"]: Evidence(**{name: row[name] for name in Evidence._fields}) for row in found}
    composed = compose.compose(
        label or clip["emotion"] or "others",
        evidence,
        held,
        labelled=bool(aus),
        regions=params.triples.regions,
        calibration=verification.Calibration(params.verify.even_z, params.verify.slope),
        supported=params.verify.supported,
    )
    told, dropped = composed.triple, None
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
        "aus": list(told.aus),
        "units": sorted({code.unit for code in held}),
        "moving": composed.moving,
        "seen": composed.seen,
        "evidence": [sight._asdict() for sight in told.evidence],
        "rationale": told.rationale,
        "category": told.category,
        "target": told.text,
        "messages": [{"role": "user", "content": triple.TASK}, {"role": "assistant", "content": told.text}],
        "dropped": dropped,
    }


def main() -> None:
    """Write the triples of all datasets."""
    params = stage.load()
    rows = []
    for dataset in params.datasets:
        found: dict[str, list[tables.Row]] = {}
        for row in tables.rows(stage.table("verify", dataset)):
            found.setdefault(row["clip"], []).append(row)
        index = tables.rows(stage.table("index", dataset))
        rows += [write(clip, found[clip["clip"]], params) for clip in index if clip["clip"] in found]
    rows.sort(key=lambda row: row["clip"])
    tables.write(stage.DATA / "triples.parquet", schemas.TRIPLES, ([row] for row in rows))
    dropped = {row["clip"]: row["dropped"] for row in rows if row["dropped"]}
    words = {word for row in rows for word in row["target"].split()}
    report = {"triples": len(rows) - len(dropped), "dropped": dropped, "vocabulary": len(words)}
    tables.write_json(paths.report("triples"), report)
    stage.finish("triples", len(rows) - len(dropped), dropped, strict=False)
