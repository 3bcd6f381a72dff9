"""The figures of ``metrics/loso.json`` from truth and predictions, clip by clip."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from deft import tables
from deft.score import faithful, metrics


def figures(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """All main figures of clips (rows of the predictions joined with those of the triples), with 95 % intervals.

    ``emotion`` is the head's class, ``generated`` the text's; ``au`` the unit head against the sheet's units;
    ``text.evidence_f1`` the regions and directions named against those of the clip's own triple;
    ``text.unsupported_au_rate`` the share of units in rationales that the motion does not support; ``text.agreement``
    the share of clips in which head and text name the same class.
    """
    found = metrics.with_intervals(lambda at: _flat([clips[i] for i in at]), people(clips), resamples, seed)
    nested: dict[str, Any] = {}
    for path, value in found.items():
        group, key = path.split(".")
        nested.setdefault(group, {})[key] = value
    per_unit = metrics.units([row["listed"] for row in clips], [row["units"] for row in clips])[1]
    nested["au"]["per_unit"] = {unit: round(score, 4) for unit, score in per_unit.items()}
    nested["n"] = {"clips": len(clips), "subjects": len(set(people(clips)))}
    return nested


def baselines(clips: Sequence[tables.Row], resamples: int, seed: int) -> dict[str, Any]:
    """``emotion`` and ``n`` of each baseline, from rows with its name in ``baseline`` and its class in ``emotion``."""
    found = {}
    for name in sorted({row["baseline"] for row in clips}):
        own = [row for row in clips if row["baseline"] == name]
        scores = metrics.with_intervals(partial(_emotion, own), people(own), resamples, seed)
        found[name] = {"emotion": scores, "n": {"clips": len(own), "subjects": len(set(people(own)))}}
    return found


def people(clips: Sequence[tables.Row]) -> list[str]:
    """Who is seen in each clip: a subject's name is a dataset's own."""
    return [f"{row['dataset']}/{row['subject']}" for row in clips]


def _emotion(clips: Sequence[tables.Row], at: Sequence[int]) -> metrics.Scores:
    return metrics.emotion([clips[i]["label"] for i in at], [clips[i]["emotion"] for i in at])


def _flat(clips: Sequence[tables.Row]) -> dict[str, float]:
    true, head = [row["label"] for row in clips], [row["emotion"] for row in clips]
    said = [row["said_emotion"] or "" for row in clips]
    scores = {f"emotion.{key}": value for key, value in metrics.emotion(true, head).items()}
    scores |= {f"generated.{key}": value for key, value in metrics.emotion(true, said).items()}
    scores["au.f1"] = metrics.units([row["listed"] for row in clips], [row["units"] for row in clips])[0]
    scores["text.parsed"] = float(np.mean([row["parsed"] for row in clips]))
    scores["text.evidence_f1"] = faithful.evidence_f1(
        [row["said_evidence"] or [] for row in clips], [row["evidence"] for row in clips]
    )
    scores["text.unsupported_au_rate"] = faithful.unsupported_rate(
        [row["said_rationale"] or "" for row in clips], [row["moving"] for row in clips]
    )
    scores["text.agreement"] = float(np.mean([a == b for a, b in zip(head, said, strict=True)]))
    return scores
