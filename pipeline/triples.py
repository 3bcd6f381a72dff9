"""Verified evidence → training texts: evidence, rationale, category.

A text names only units that the motion supports and only motion that they explain. A clip of which nothing is left is
kept in the table for scoring, with the reason why nobody trains on it in ``dropped``.

Reads data/verify and data/index of every dataset. Writes data/triples.parquet and its report, triples.json.
Run: ``python -m pipeline triples``
"""

from deft import tables
from deft.facs import codes, emotions
from deft.facs.units import UNITS, observable
from deft.language import triple
from deft.motion import verification
from deft.motion.evidence import Evidence
from pipeline import stage


def write(
    clip: tables.Row, found: list[tables.Row], label: str | None, regions: int, slight_z: float, supported: float
) -> tables.Row:
    """The triple of one clip, from its row of the index and its rows of ``verify``."""
    every = {row["region"]: Evidence(**{name: row[name] for name in Evidence._fields}) for row in found}
    scores = {unit: verification.score(unit, None, every, slight_z) for unit in UNITS if observable(unit)}
    seen = [evidence for evidence in every.values() if evidence.level != "none"]
    strongest = sorted(seen, key=lambda evidence: -evidence.z)[:regions]
    held = [au for au in found[0]["aus"] if au["verdict"] == verification.SUPPORTED]
    units = [codes.Code(**{name: au[name] for name in codes.Code._fields}) for au in held]
    reasons = {evidence.region: verification.reason(units, evidence) for evidence in strongest}
    shown = {
        triple.code_text(code): [_sight(evidence) for evidence in strongest if reasons[evidence.region] == code]
        for code in units
    }
    unlabelled = [] if found[0]["aus"] else [_sight(evidence) for evidence in strongest]
    told = triple.write(label or clip["emotion"], list(shown.items()), unlabelled)
    judged = [au for au in found[0]["aus"] if au["verdict"] != verification.UNOBSERVABLE]
    dropped = None
    if label is None:
        dropped = f"{clip['emotion']} is no class under task.labels"
    elif judged and not held:
        dropped = "no listed unit is supported by the motion"
    return {
        **{name: clip[name] for name in ("clip", "dataset", "subject", "emotion", "coarse")},
        "label": label,
        "listed": sorted({au["unit"] for au in clip["aus"]}),
        "aus": list(told.aus),
        "units": sorted({au["unit"] for au in held}),
        "moving": [unit for unit, score in scores.items() if score >= supported],
        "seen": triple.phrases([_sight(evidence) for evidence in seen]),
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
    dials = (params.triples.regions, params.verify.slight_z, params.verify.supported)
    rows = []
    for dataset in params.datasets:
        found: dict[str, list[tables.Row]] = {}
        for row in tables.rows(stage.table("verify", dataset)):
            found.setdefault(row["clip"], []).append(row)
        for clip in tables.rows(stage.table("index", dataset)):
            if clip["clip"] in found:
                label = emotions.label(params.task.labels, clip["emotion"], clip["objective"])
                rows.append(write(clip, found[clip["clip"]], label, *dials))
    rows.sort(key=lambda row: row["clip"])
    tables.write(stage.DATA / "triples.parquet", tables.TRIPLES, ([row] for row in rows))
    dropped = {row["clip"]: row["dropped"] for row in rows if row["dropped"]}
    words = {word for row in rows for word in row["target"].split()}
    report = {"triples": len(rows) - len(dropped), "dropped": dropped, "vocabulary": len(words)}
    tables.write_json(stage.DATA / "triples.json", report)
    stage.finish("triples", len(rows) - len(dropped), dropped, strict=False)


def _sight(evidence: Evidence) -> triple.Sight:
    return triple.Sight(evidence.region, evidence.direction, evidence.level, evidence.timing)
