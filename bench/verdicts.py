"""Measure the verdicts on rendered clips by amplitude and head motion, and calibrate their scores."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from bench import faces
from deft import prior
from deft.core import paths
from deft.facs.units import EXPRESSIVE
from deft.motion import compensation, evidence, tvl1, verification
from deft.motion.verification import Calibration
from deft.render.corpus import PLACES
from deft.score.verdicts import auc

SEED, CALIBRATION_SEED = 4051, 301  # of the clips that scores are tested on, and calibrated on
AMPLITUDES_PX = (0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
HEADS_PX = (0.0, 1.0, 2.0, 4.0)
CLIPS = 16  # per amplitude and head motion
STILL = 12  # clips without expression, per head motion and per state of the eyes (still, blink, gaze)
BLINKS, GAZES = 0.1, 0.15  # shares of the clips with an expression
WRONG = 0.25  # of the clips list a unit that does not move
THRESHOLDS = (4.0, 10.0, 25.0)  # of levels, which scores do not depend on


def table(seed: int, folder: Path = paths.PRIOR) -> pd.DataFrame:
    """Return a table of rendered clips with one row per clip and unit; ``folder`` holds the motion prior.

    Columns: clip, amplitude_px, head_px, blink, gaze (the clip's conditions), unit, moved_px (0: it does not move),
    support (by the rules), score (by the prior), and spare: the weight with which a wrong sheet would list this unit, 0
    if the clip moves its place.
    """
    conditions = list(_conditions(np.random.default_rng(seed)))
    work = (delayed(_clip)(seed, number, clip_conditions, folder) for number, clip_conditions in enumerate(conditions))
    clips = Parallel(n_jobs=-1, return_as="generator")(work)
    return pd.DataFrame([row for rows in tqdm(clips, total=len(conditions), desc="verdicts", unit="") for row in rows])


def _conditions(rng: np.random.Generator) -> Iterator[faces.Conditions]:
    """Yield the conditions of every clip: first of those with an expression, then of those without."""
    for amplitude in AMPLITUDES_PX:
        for head in HEADS_PX:
            for _ in range(CLIPS):
                blink = bool(rng.random() < BLINKS)
                gaze = bool(rng.random() < GAZES)
                yield faces.Conditions(amplitude, head, blink, gaze)
    for head in HEADS_PX:
        for number in range(3 * STILL):
            yield faces.Conditions(0.0, head, blink=number % 3 == 1, gaze=number % 3 == 2)


def _clip(seed: int, number: int, conditions: faces.Conditions, folder: Path) -> list[dict[str, Any]]:
    """Render and measure a clip, and return its rows of `table`."""
    cv2.setNumThreads(1)
    scene = faces.render(seed, number, conditions)
    onset, *later = scene.crops
    stable = compensation.stable_area(scene.points, onset.shape)
    flows = np.stack([compensation.compensate(tvl1.flow(onset, crop), stable).flow for crop in later])
    noise_px = evidence.noise(flows[-1], scene.points)
    by_region = evidence.by_region(evidence.measure(flows, scene.points, noise_px, THRESHOLDS))
    scores = prior.load(folder).read(flows[-1], scene.points, known=True).scores
    used = {str(unit) for unit in scene.moved}
    free = [place for place in PLACES if used.isdisjoint(place)]
    spare = {int(unit): weight for place in free for unit, weight in place.items()}
    return [
        {"clip": number} | conditions._asdict()
        | {
            "unit": unit,
            "moved_px": scene.moved.get(unit, 0.0),
            "support": verification.support(unit, None, by_region),
            "score": scores[unit, None],
            "spare": spare.get(unit, 0.0),
        }
        for unit in EXPRESSIVE
    ]  # fmt: skip


def calibrated(measured: pd.DataFrame) -> Calibration:
    """Return the calibration, a logistic fitted to units that move and to units that a sheet could wrongly list.

    Both groups have the same weight; ``measured`` is a `table`.
    """
    support, moved, weights = _balanced(measured, "support")
    fit = LogisticRegression(C=1e6, max_iter=1000).fit(np.arcsinh(support)[:, None], moved, weights * len(moved))
    slope, offset = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    return Calibration(float(np.sinh(-offset / slope)), slope)


def _balanced(measured: pd.DataFrame, column: str) -> tuple[Any, Any, Any]:
    """Return a column, whether the unit moved, and weights, all (n,); each group's weights sum to one half."""
    either = measured[(measured.moved_px > 0) | (measured.spare > 0)]
    moved = (either.moved_px > 0).to_numpy()
    weights = np.where(moved, 1.0, either.spare)
    weights /= np.where(moved, weights[moved].sum(), weights[~moved].sum()) * 2
    return either[column].to_numpy(), moved, weights


def by_rules(measured: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """Return a `table` whose score is that of the rules."""
    return measured.assign(score=[verification.probability(support, calibration) for support in measured.support])


def figures(measured: pd.DataFrame, supported: float) -> dict[str, Any]:
    """Return the verdicts' figures from a `table`; amplitudes are those of a unit at the apex, in frame px.

    auc_*: AUC over all clips and units, units that move with such an amplitude against still ones. curve: the same per
    amplitude and head motion. wrong_precision, wrong_recall: of the verdict "unsupported", where sheets list the units
    that move by at least 1 px and, in every fourth clip, one that does not move; in expectation over clips and units.
    ece: expected calibration error in ten bins, moved and wrongly listed units of the same weight.
    false_units_per_clip: supported units in clips without expression.
    """
    still = measured.moved_px == 0
    results: dict[str, Any] = {
        "clips": int(measured["clip"].nunique()),
        "auc_from_1_px": auc(measured[still | (measured.moved_px >= 1)]),
        "auc_half_to_1_px": auc(measured[still | measured.moved_px.between(0.5, 1, inclusive="left")]),
        "curve": [
            {
                "amplitude_px": amplitude,
                "head_px": head,
                "auc": auc(measured[(measured.amplitude_px == amplitude) & (measured.head_px == head)]),
            }
            for amplitude in AMPLITUDES_PX
            for head in HEADS_PX
        ],
    }
    strong = measured[measured.moved_px >= 1]
    candidates = measured[(measured.amplitude_px >= 1) & (measured.spare > 0)]  # a clip's wrong unit is one of these
    shares = candidates.spare / candidates.groupby("clip").spare.transform("sum")
    detected = float(shares[candidates.score < supported].sum())
    unsupported = WRONG * detected + (strong.score < supported).sum()
    results["wrong_precision"] = round(float(WRONG * detected / unsupported), 4)
    results["wrong_recall"] = round(detected / float(shares.sum()), 4)
    scores, moved, weights = _balanced(measured, "score")
    results["ece"] = _ece(scores, moved, weights)
    expressionless = measured[measured.amplitude_px == 0]
    results["false_units_per_clip"] = {
        name: round(float((clips.score >= supported).sum() / clips["clip"].nunique()), 3)
        for name, clips in (
            ("head", expressionless[~expressionless.blink & ~expressionless.gaze]),
            ("blink", expressionless[expressionless.blink]),
            ("gaze", expressionless[expressionless.gaze]),
        )
    }
    return results


def _ece(scores: Any, moved: Any, weights: Any) -> float:
    """Return the expected calibration error of scores (n,) in ten bins, weighted."""
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = [abs((weights * (scores - moved))[bins == number].sum()) for number in range(10)]
    return round(float(sum(gaps)), 4)


def rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the table's rows: amplitude, then the AUC for each head motion."""
    curve = {(point["amplitude_px"], point["head_px"]): point["auc"] for point in results["curve"]}
    return [(f"{amplitude} px", *(f"{curve[amplitude, head]:.3f}" for head in HEADS_PX)) for amplitude in AMPLITUDES_PX]
