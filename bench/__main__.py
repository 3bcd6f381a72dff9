"""Measure the motion core, the stages and the tuning: ``make bench``. Prints tables and writes bench/results.json.

Run: ``python -m bench PEERS`` (the Python of the peers' environment), or ``python -m bench calibrate``, which prints
the two parameters that turn an Action Unit's support into a score.
"""

import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from rich.console import Console
from rich.table import Table

from bench import (
    compensation,
    events,
    gpu,
    kinds,
    little,
    llama,
    nuisances,
    sheets,
    solver,
    stages,
    stills,
    tuning,
    verdicts,
)
from deft import prior
from deft.core import params, paths, tables
from deft.motion.verification import Calibration

RESULTS = Path(__file__).parent / "results.json"


def calibrate() -> None:
    """Print the calibration's parameters, fitted on clips that are in no figure."""
    calibration = verdicts.calibrated(verdicts.table(verdicts.CALIBRATION_SEED))
    print(f"verify:\n  even_z: {calibration.even_z:.2g}\n  slope: {calibration.slope:.2g}")


def measure(peers: Path) -> None:
    """Take all figures, print them and write them to `RESULTS`; ``peers`` is the Python of the peers' environment."""
    verify = params.load().verify
    calibration = Calibration(verify.even_z, verify.slope)
    tuned = tuning.figures()  # first: it needs what `make repro` makes
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        solved = solver.figures(peers, Path(folder))
        staged = stages.figures(Path(folder))
        indexed = sheets.figures(Path(folder))
        spotted = events.figures(Path(folder))
        unmoved = stills.figures()
        made = kinds.material(peers, Path(folder))
    reader = prior.load(paths.PRIOR)
    others = kinds.registered(made, reader)
    other_kinds = kinds.figures(made, others, reader)
    explained = kinds.regions(made.clips)
    without = nuisances.figures(made, others)
    learned = little.figures()
    moved = compensation.figures()
    verified = verdicts.table(verdicts.SEED)
    judged = verdicts.figures(verified, verify.supported)
    ruled = verdicts.figures(verdicts.by_rules(verified, calibration), verify.supported)
    machine = {"cores": os.cpu_count(), "platform": platform.platform()}
    results: dict[str, Any] = {
        "machine": machine,
        "solver": solved,
        "compensation": moved,
        "verdicts": judged,
        "verdicts_by_rules": ruled,
        "kinds": other_kinds,
        "regions": explained,
        "nuisances": without,
        "little": learned,
        "stages": staged,
        "sheets": indexed,
        "events": spotted,
        "stills": unmoved,
        "tuning": tuned,
    }
    if torch.cuda.is_available():
        results["gpu"] = gpu.figures()
        results["llama"] = llama.figures()
    tables.write_json(RESULTS, results)
    shifts = [f"{shift} px" for shift in compensation.SHIFTS_PX]
    heads = [f"head {head} px" for head in verdicts.HEADS_PX]
    _print("Solver, 256 × 256, one thread", ["", "ms", "times ours", "error px", "of DualTVL1's"], solver.rows(solved))
    _print("Left in still regions at a head shift of", ["", *shifts, "kept, at least"], compensation.rows(moved))
    _print("AUC of the verdicts", ["amplitude", *heads], verdicts.rows(judged))
    _print("AUC of the prior by kind of field", ["kind", "mean", "worst unit"], kinds.rows(other_kinds))
    _print("Mean AUC of priors trained without", ["nuisance", *kinds.KINDS], nuisances.rows(without))
    _print("UF1 of 442 clips in three classes", ["from", "UF1"], little.rows(learned))
    columns = ["f1", "precision", "recall", "blinks_f1", "micro_share"]
    _print("Events in rendered videos", ["in", *columns], events.table_rows(spotted, columns))
    flat = [
        (f"{benchmark}.{name}", str(value))
        for benchmark, values in results.items()
        for name, value in values.items()
        if isinstance(value, int | float | str)
    ]
    _print(f"Other figures, also in {RESULTS.name}", ["figure", "value"], flat)


def _print(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column holds names, and the others numbers."""
    table = Table(title=title, title_justify="left")
    for column, name in enumerate(header):
        table.add_column(name, justify="right" if column else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    calibrate() if sys.argv[1] == "calibrate" else measure(Path(sys.argv[1]))
