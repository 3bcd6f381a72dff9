import numpy as np
import numpy.typing as npt
from conftest import random_flow
from hypothesis import given
from hypothesis import strategies as st

from deft import facs
from deft.face import Points
from deft.facs import codes
from deft.facs.units import UNITS, observable
from deft.language import compose, triple
from deft.motion import evidence, verification

SLIGHT = 3.0
CALIBRATION = verification.Calibration(SLIGHT, 2.0)
LISTED = st.lists(
    st.sampled_from([f"{side}{n}" for n in UNITS if observable(n) for side in ("", "R", "L")]), max_size=4
)


def composed(
    flow: npt.NDArray[np.float32], points: Points, listed: str, level: float, regions: int = 6
) -> compose.Composed:
    found = evidence.by_region(evidence.measure(flow[None], points, level, (SLIGHT, 5.0, 10.0)))
    scores = verification.rule_scores(found, CALIBRATION)
    judged = verification.verify(facs.parse(listed), found, scores, 0.5).aus
    held = [au.code for au in judged if au.verdict == verification.SUPPORTED]
    moving = [unit for (unit, side), score in scores.items() if side is None and score >= 0.5]
    return compose.compose("others", found, held, labelled=bool(judged), regions=regions, moving=moving)


def pressed_lips(points: Points) -> npt.NDArray[np.float32]:
    masks, flow = evidence.masks(points, (256, 256)), np.zeros((256, 256, 2), np.float32)
    flow[masks["upper lip"], 1], flow[masks["lower lip"], 1] = 1, -1
    return flow


def test_codes_that_read_alike_keep_their_evidence(points: Points) -> None:
    """``T24+B24``: an answer names both as 24."""
    told = composed(pressed_lips(points), points, "T24+B24", 0.1).triple
    assert {"upper lip", "lower lip"} <= {sight.region for sight in told.evidence}
    assert told.aus == (codes.Code(24),)


@given(st.integers(0, 200), LISTED, st.integers(1, 17))
def test_a_text_names_only_what_is_seen_and_supported(
    points: Points, seed: int, listed: list[str], regions: int
) -> None:
    flow = random_flow(seed)
    found = composed(flow, points, "+".join(listed), evidence.noise(flow, points), regions)
    assert {sight.text for sight in found.triple.evidence} <= set(found.phrases)
    assert len(found.triple.evidence) <= regions
    assert {code.unit for code in found.triple.aus} <= set(found.moving)
    assert triple.parse(found.triple.text) == found.triple


def test_a_clip_whose_sheet_lists_nothing_tells_what_it_shows(points: Points) -> None:
    told = composed(pressed_lips(points), points, "", 0.1).triple
    assert "lower lip" in {sight.region for sight in told.evidence}
    assert told.rationale == "no unit explains the motion; this speaks for others"


def test_motion_that_no_listed_unit_explains_is_not_told(points: Points) -> None:
    assert composed(pressed_lips(points), points, "1", 0.1).triple.evidence == ()
