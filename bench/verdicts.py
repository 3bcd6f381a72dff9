"""Verdicts on rendered clips, over the expression's amplitude and the head's motion; and the scores' calibration."""

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from bench import faces
from deft.facs.units import EXPRESSIVE
from deft.motion import compensation, evidence, tvl1, verification
from deft.motion.verification import Calibration
from deft.render.corpus import PLACES
from deft.score.verdicts import auc

SEED, CALIBRATION_SEED = 4051, 301  # what scores are tested on, and what they are calibrated on
AMPLITUDES_PX = (0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
HEADS_PX = (0.0, 1.0, 2.0, 4.0)
CLIPS = 16  # for each of both
STILL = 12  # clips without expression, for each head and each thing that eyes do
BLINKS, GAZES = 0.1, 0.15  # shares of the clips with an expression
WRONG = 0.25  # of the clips list a unit that does not move
THRESHOLDS = (4.0, 10.0, 25.0)  # levels play no part in a score


def table(seed: int) -> pd.DataFrame:
    """Render all clips; a row a clip and unit.

    Columns: clip, amplitude_px, head_px, blink, gaze (what was wished), unit, moved_px (0: it does not move), support,
    and spare: how often a sheet that errs would name this unit here, where nothing else moves its place.
    """
    wishes = list(_wishes(np.random.default_rng(seed)))
    work = Parallel(n_jobs=-1, return_as="generator")(delayed(_clip)(seed, at, wish) for at, wish in enumerate(wishes))
    return pd.DataFrame([row for rows in tqdm(work, total=len(wishes), desc="verdicts", unit="") for row in rows])


def _wishes(rng: np.random.Generator) -> Iterator[faces.Wish]:
    for amplitude in AMPLITUDES_PX:
        for head in HEADS_PX:
            for _ in range(CLIPS):
                yield faces.Wish(amplitude, head, bool(rng.random() < BLINKS), bool(rng.random() < GAZES))
    for head in HEADS_PX:
        for number in range(3 * STILL):
            yield faces.Wish(0.0, head, number % 3 == 1, number % 3 == 2)


def _clip(seed: int, number: int, wish: faces.Wish) -> list[dict[str, Any]]:
    cv2.setNumThreads(1)
    scene = faces.render(seed, number, wish)
    onset, *later = scene.crops
    stable = compensation.stable_area(scene.points, onset.shape)
    flows = np.stack([compensation.compensate(tvl1.flow(onset, crop), stable).flow for crop in later])
    found = evidence.measure(flows, scene.points, evidence.noise(flows[-1], scene.points), THRESHOLDS)
    by_region = evidence.by_region(found)
    used = {str(unit) for unit in scene.moved}
    spare = {int(unit): weight for place in PLACES if used.isdisjoint(place) for unit, weight in place.items()}
    return [
        {"clip": number} | wish._asdict()
        | {
            "unit": unit,
            "moved_px": scene.moved.get(unit, 0.0),
            "support": verification.support(unit, None, by_region),
            "spare": spare.get(unit, 0.0),
        }
        for unit in EXPRESSIVE
    ]  # fmt: skip


def calibrated(seen: pd.DataFrame) -> Calibration:
    """Fit the logistic on clips that move and on what a sheet could wrongly name, both of the same weight."""
    support, moved, weights = _balanced(seen)
    fit = LogisticRegression(C=1e6, max_iter=1000).fit(np.arcsinh(support)[:, None], moved, weights * len(moved))
    slope, offset = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    return Calibration(float(np.sinh(-offset / slope)), slope)


def _balanced(seen: pd.DataFrame) -> tuple[Any, Any, Any]:
    """Support, whether it moved, and weights that sum to a half for each of the two."""
    part = seen[(seen.moved_px > 0) | (seen.spare > 0)]
    moved = (part.moved_px > 0).to_numpy()
    weights = np.where(moved, 1.0, part.spare)
    weights /= np.where(moved, weights[moved].sum(), weights[~moved].sum()) * 2
    return part.support.to_numpy(), moved, weights


def figures(seen: pd.DataFrame, calibration: Calibration, supported: float) -> dict[str, Any]:
    """What the bars ask for; amplitudes are those of a unit, in frame px, at the apex.

    ``auc_*``: every clip and unit; moved with such an amplitude against still. ``curve``: the same for each wish.
    ``wrong_*``: of listed units that move by at least 1 px, and in every fourth such clip one that does not, those
    called unsupported, in expectation over which clips and units err. ``ece``: expected calibration error in ten bins,
    moved and wrongly listed units of the same weight. ``false_units_per_clip``: supported units in clips without
    expression.
    """
    seen = seen.assign(score=[verification.probability(support, calibration) for support in seen.support])
    still = seen.moved_px == 0
    found: dict[str, Any] = {
        "clips": int(seen["clip"].nunique()),
        "auc_from_1_px": auc(seen[still | (seen.moved_px >= 1)]),
        "auc_half_to_1_px": auc(seen[still | seen.moved_px.between(0.5, 1, inclusive="left")]),
        "curve": [
            {
                "amplitude_px": amplitude,
                "head_px": head,
                "auc": auc(seen[(seen.amplitude_px == amplitude) & (seen.head_px == head)]),
            }
            for amplitude in AMPLITUDES_PX
            for head in HEADS_PX
        ],
    }
    strong, spare = seen[seen.moved_px >= 1], seen[(seen.amplitude_px >= 1) & (seen.spare > 0)]
    shares = spare.spare / spare.groupby("clip").spare.transform("sum")  # a clip's wrong unit is one of these
    caught = float(shares[spare.score < supported].sum())
    called = WRONG * caught + (strong.score < supported).sum()
    found["wrong_precision"] = round(float(WRONG * caught / called), 4)
    found["wrong_recall"] = round(caught / float(shares.sum()), 4)
    support, moved, weights = _balanced(seen)
    found["ece"] = _ece(np.array([verification.probability(each, calibration) for each in support]), moved, weights)
    alone = seen[seen.amplitude_px == 0]
    found["false_units_per_clip"] = {
        name: round(float((clips.score >= supported).sum() / clips["clip"].nunique()), 3)
        for name, clips in (
            ("head", alone[~alone.blink & ~alone.gaze]), ("blink", alone[alone.blink]), ("gaze", alone[alone.gaze])
        )
    }  # fmt: skip
    return found


def _ece(scores: Any, moved: Any, weights: Any) -> float:
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = [abs((weights * (scores - moved))[bins == at].sum()) for at in range(10)]
    return round(float(sum(gaps)), 4)


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of AUC: amplitude down, head motion across."""
    curve = {(each["amplitude_px"], each["head_px"]): each["auc"] for each in found["curve"]}
    return [(f"{amplitude} px", *(f"{curve[amplitude, head]:.3f}" for head in HEADS_PX)) for amplitude in AMPLITUDES_PX]
