"""Verified evidence → training texts: evidence, rationale, category.

A clip that gives no training text stays in the table for scoring, with the reason in ``dropped``.
Reads data/verify and data/index of every dataset. Writes data/triples.parquet and data/reports/triples.json.
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
    """Return the triple of one clip as a row, from its rows of ``index`` and ``verify``."""
    label = None
    if clip["kind"] == "micro":
        label = emotions.label(params.task.labels, clip["emotion"], clip["objective"], clip["classes"])
    wanted = {"supported"} if params.triples.verified else {"supported", "unsupported"}
    aus = verified["aus"]
    kept = [codes.Code(**{name: au[name] for name in codes.Code._fields}) for au in aus if au["verdict"] in wanted]
    certain = {au["unit"] for au in clip["aus"] if not (au["static"] or au["alternative"])}.intersection(EXPRESSIVE)
    supported = {au["unit"] for au in aus if au["verdict"] == "supported"}
    composed = compose.compose(
        label or clip["emotion"] or "others",
        evidence.by_region(evidence.from_rows(verified["regions"])),
        kept,
        labelled=bool(aus),
        regions=params.triples.regions,
        moving=sorted(supported.union(unit["unit"] for unit in verified["units"] if unit["moved"])),
    )
    return {
        **{name: clip[name] for name in ("clip", "dataset", "subject", "part", "emotion", "coarse")},
        "label": label,
        "listed": sorted(certain | supported),
        "units": sorted({code.unit for code in kept}),
        **composed.columns(),
        "dropped": reason(clip, label, verified, kept),
    }


def reason(clip: tables.Row, label: str | None, verified: tables.Row, kept: list[codes.Code]) -> str | None:
    """Return why the clip is not trained on; None if it is."""
    if clip["kind"] != "micro":
        return "not a micro-expression"
    if label is None:
        return f"{clip['emotion'] or 'no emotion'} is no class under task.labels"
    observable = any(au["verdict"] != verification.UNOBSERVABLE for au in verified["aus"])
    return "no listed unit is supported by the motion" if observable and not kept else None


def main() -> None:
    """Write the triples of all datasets."""
    params = stage.load()
    rows: list[tables.Row] = []
    for dataset in params.datasets:
        verified = {row["clip"]: row for row in tables.rows(paths.table("verify", dataset))}
        index = tables.rows(paths.table("index", dataset))
        rows += [write(clip, verified[clip["clip"]], params) for clip in index if clip["clip"] in verified]
    rows.sort(key=lambda row: row["clip"])
    tables.write(paths.TRIPLES, schemas.TRIPLES, ([row] for row in rows))
    dropped = {row["clip"]: row["dropped"] for row in rows if row["dropped"]}
    words = {word for row in rows for word in row["target"].split()}
    count = len(rows) - len(dropped)
    tables.write_json(paths.report("triples"), {"triples": count, "dropped": dropped, "vocabulary": len(words)})
    stage.finish("triples", count, dropped, strict=False)
