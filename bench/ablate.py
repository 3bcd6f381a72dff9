"""Measure what each part of the method contributes: ``make ablate``. Writes metrics/ablations.json.

Every experiment is a ``dvc exp run -S …`` that anybody can type; stages that it shares with the default run are not run
again.
Run: ``python -m bench.ablate``
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import dvc.api

from deft.core import tables

RESULTS = Path("metrics/ablations.json")
LOSO = "metrics/loso.json"
EXPERIMENTS: dict[str, list[str]] = {
    "without structure": ["experts=[texture,motion,field]"],
    "without texture": ["experts=[structure,motion,field]"],
    "without motion": ["experts=[structure,texture]"],
    "without the field": ["experts=[structure,texture,motion]"],
    "motion with the prior": ["features.motion=prior"],
    "without compensation": ["flow.compensated=false"],
    "without verification": ["triples.verified=false"],
    "without the text loss": ["loss.text=0"],
    "without the heads": ["loss.emotion=0", "loss.units=0"],
    "with decorrelation": ["loss.decorrelation=0.1"],
    "LoRA rank 2": ["lora.rank=2", "lora.alpha=4"],
    "LoRA rank 32": ["lora.rank=32", "lora.alpha=64"],
    "language model untuned": ["lora.learning_rate=0"],
}


def main() -> None:
    """Queue all experiments, run them, and write their scores to `RESULTS`."""
    listing = subprocess.run(["dvc", "exp", "list", "--name-only"], check=True, capture_output=True, text=True).stdout
    earlier = {*listing.split()} & {_id(name) for name in EXPERIMENTS}
    if earlier:
        _dvc("exp", "remove", *sorted(earlier))
    for name, changes in EXPERIMENTS.items():
        options = [word for change in changes for word in ("-S", change)]
        _dvc("exp", "run", "--queue", "--name", _id(name), *options)
    _dvc("exp", "run", "--run-all")
    scores = {"default": _scores(tables.read_json(Path(LOSO)), [])}
    for name, changes in EXPERIMENTS.items():
        scores[name] = _scores(json.loads(dvc.api.read(LOSO, rev=_id(name))), changes)
    tables.write_json(RESULTS, scores)


def _scores(loso: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    """Return an experiment's changes and its main scores, from metrics/loso.json."""
    keys = {"head": ("emotion", "uf1"), "text": ("generated", "uf1"), "units": ("au", "f1")}
    scores = {
        name: {f"{key}{end}": loso[group][f"{key}{end}"] for end in ("", "_low", "_high")}
        for name, (group, key) in keys.items()
    }
    text_scores = {name: loso["text"][name] for name in ("evidence_f1", "unsupported_au_rate", "agreement")}
    return {"set": changes, **scores, **text_scores}


def _id(name: str) -> str:
    return f"ablate-{name.lower().replace(' ', '-')}"


def _dvc(*command: str) -> None:
    subprocess.run(["dvc", *command], check=True)


if __name__ == "__main__":
    main()
