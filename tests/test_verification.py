from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from conftest import random_flow
from hypothesis import given
from hypothesis import strategies as st

from deft import facs
from deft.face import Points
from deft.facs import regions
from deft.facs.codes import Code
from deft.facs.units import BLINKS, UNITS, Sign, observable
from deft.motion import evidence, verification
from deft.motion.verification import (
    EXPLAINED,
    STILL,
    SUPPORTED,
    UNEXPLAINED,
    UNOBSERVABLE,
    UNSUPPORTED,
    Calibration,
    Verification,
)

SHAPE = (256, 256)
LEVEL = 0.1  # pixels, against motions of about one pixel
SLIGHT = 3.0
CALIBRATION = Calibration(SLIGHT, 2.0)
SHOWN = [unit for unit in UNITS if observable(unit)]
Flow = npt.NDArray[np.float32]


def places(sign: Sign, sides: str) -> list[str]:
    if sign.place == "lips":
        return ["upper lip", "lower lip"]
    return [r for r in regions.REGIONS if regions.place(r) == sign.place and (regions.side(r) or sides[0]) in sides]


def shown(points: Points, unit: int, sides: str = "RL", by: float = 2.0) -> Flow:
    """What FACS says a unit looks like, painted region by region: flow (H, W, 2) of a face that shows it."""
    flow, masks, face = np.zeros((*SHAPE, 2), np.float32), evidence.masks(points, SHAPE), regions.axes(points)
    rows = np.arange(SHAPE[0])[:, None]
    for sign in sorted(UNITS[unit].signs, key=lambda sign: not sign.opening):
        for region in places(sign, sides):
            mask = masks[region]
            if sign.opening and sign.place == "lips":
                flow[mask & (flow == 0).all(-1), 1] = by * sign.opening * (1 if region == "lower lip" else -1)
            elif sign.opening:
                below = rows > np.median(np.nonzero(mask)[0])
                flow[..., 1] += np.where(mask, by * sign.opening * np.where(below, 1, -1), 0)
            else:
                outward = -face.left if regions.side(region) == "R" else face.left
                flow[mask] = by * (sign.out * outward - sign.up * face.down)
    return flow


def judged(flow: Flow, points: Points, listed: str, level: float = LEVEL) -> Verification:
    found = evidence.measure(flow[None], points, level, (SLIGHT, 5.0, 10.0))
    by_region = evidence.by_region(found)
    scores = verification.rule_scores(by_region, CALIBRATION)
    return verification.verify(facs.parse(listed), by_region, scores, 0.5)


def verdicts(flow: Flow, points: Points, listed: str) -> list[str]:
    return [au.verdict for au in judged(flow, points, listed).aus]


@pytest.mark.parametrize("unit", SHOWN)
def test_a_units_own_motion_supports_it(points: Points, unit: int) -> None:
    assert verdicts(shown(points, unit), points, str(unit)) == [SUPPORTED]


@pytest.mark.parametrize("unit", SHOWN)
def test_the_opposite_motion_does_not(points: Points, unit: int) -> None:
    assert verdicts(-shown(points, unit), points, str(unit)) == [UNSUPPORTED]


@pytest.mark.parametrize("unit", SHOWN)
def test_a_unit_explains_its_own_motion(points: Points, unit: int) -> None:
    found = judged(shown(points, unit), points, str(unit))
    own = {region for sign in UNITS[unit].signs for region in places(sign, "RL")}
    assert {found.regions[region] for region in own} == {EXPLAINED}


@pytest.mark.parametrize("unit", SHOWN)
def test_no_unit_is_supported_by_stillness(points: Points, unit: int) -> None:
    found = judged(np.zeros((*SHAPE, 2), np.float32), points, str(unit), 0.0)
    assert [au.verdict for au in found.aus] == [UNSUPPORTED]
    assert set(found.regions.values()) == {STILL}
    assert np.isfinite(found.consistency)


def lids(points: Points, upper: float, lower: float) -> Flow:
    """Lids that rise by so much, (H, W, 2)."""
    flow, face = np.zeros((*SHAPE, 2), np.float32), regions.axes(points)
    for eye, (inner, outer) in (("right eye", (36, 39)), ("left eye", (42, 45))):
        mask = evidence.masks(points, SHAPE)[eye]
        rows = np.arange(SHAPE[0])[:, None]
        below = rows > np.interp(np.arange(SHAPE[1]), *np.sort(points[[inner, outer]], axis=0).T)
        flow[mask] = -upper * face.down
        flow[mask & below] = -lower * face.down
    return flow


def test_a_tightened_lower_lid_is_seven(points: Points) -> None:
    assert verdicts(lids(points, -0.7, 1.0), points, "7+5") == [SUPPORTED, UNSUPPORTED]


def test_a_blink_is_no_expression(points: Points) -> None:
    assert verdicts(lids(points, -6.0, -2.0), points, "45+43+7+5+6+4") == [SUPPORTED] * 2 + [UNSUPPORTED] * 4


def test_a_reader_may_tell_which_regions_the_supported_codes_explain(points: Points) -> None:
    found = evidence.by_region(evidence.measure(shown(points, 12)[None], points, LEVEL, (SLIGHT, 5.0, 10.0)))
    scores = verification.rule_scores(found, CALIBRATION)
    named: list[list[Code]] = []

    def explain(codes: Sequence[Code]) -> set[str]:
        named.append(list(codes))
        return {"left mouth corner", "right inner brow"}

    judged = verification.verify(facs.parse("12+4"), found, scores, 0.5, explain=explain)
    assert named == [[Code(12)]]
    assert judged.regions["left mouth corner"] == EXPLAINED
    assert judged.regions["right mouth corner"] == UNEXPLAINED
    assert judged.regions["right inner brow"] == STILL


SIDED = [
    unit for unit in SHOWN if all(len(places(sign, "RL")) == 2 and sign.place != "lips" for sign in UNITS[unit].signs)
]


@pytest.mark.parametrize("side", ["R", "L"])
@pytest.mark.parametrize("unit", SIDED)
def test_a_sided_code_looks_at_its_own_side_alone(points: Points, unit: int, side: str) -> None:
    flow = shown(points, unit, side)
    other = "L" if side == "R" else "R"
    assert verdicts(flow, points, f"{side}{unit}+{other}{unit}+{unit}") == [SUPPORTED, UNSUPPORTED, SUPPORTED]


def test_a_sided_code_does_not_explain_the_other_side(points: Points) -> None:
    found = judged(shown(points, 12), points, "R12")
    assert found.regions["right mouth corner"] == EXPLAINED
    assert found.regions["left mouth corner"] == UNEXPLAINED


@pytest.mark.parametrize(("one", "other"), [(12, 15), (14, 20), (12, 14), (15, 20), (1, 4), (5, 7), (24, 25), (38, 39)])
def test_units_that_share_a_place_are_told_apart(points: Points, one: int, other: int) -> None:
    assert verdicts(shown(points, one), points, f"{one}+{other}") == [SUPPORTED, UNSUPPORTED]
    assert verdicts(shown(points, other), points, f"{one}+{other}") == [UNSUPPORTED, SUPPORTED]


@pytest.mark.parametrize("blink", sorted(BLINKS))
@pytest.mark.parametrize("unit", [1, 2, 4])
def test_a_blink_does_not_support_a_brow(points: Points, blink: int, unit: int) -> None:
    assert verdicts(shown(points, blink), points, f"{unit}+{blink}") == [UNSUPPORTED, SUPPORTED]


@pytest.mark.parametrize("listed", ["8", "21", "AD31", "M57", "50"])
def test_what_flow_cannot_show_is_unobservable_never_unsupported(points: Points, listed: str) -> None:
    for flow in (shown(points, 12), np.zeros((*SHAPE, 2), np.float32)):
        assert verdicts(flow, points, listed) == [UNOBSERVABLE]


@pytest.mark.parametrize("moving", [12, 4])
def test_a_static_unit_is_no_movement_and_so_unobservable(points: Points, moving: int) -> None:
    assert verdicts(shown(points, moving), points, "12(k)") == [UNOBSERVABLE]


def test_of_alternatives_one_is_enough(points: Points) -> None:
    found = judged(shown(points, 12), points, "6 or 12")
    alone = judged(shown(points, 12), points, "12")
    assert {au.code.unit: au.verdict for au in found.aus}[12] == SUPPORTED
    assert UNSUPPORTED not in {au.verdict for au in found.aus}
    assert found.consistency == pytest.approx(alone.consistency)


def test_alternatives_of_which_none_moves_are_unsupported(points: Points) -> None:
    assert verdicts(shown(points, 4), points, "R12 or L15") == [UNSUPPORTED, UNSUPPORTED]


def test_half_an_option_is_not_enough(points: Points) -> None:
    found = judged(shown(points, 4), points, "(4+15) or 9")
    assert {au.code.unit: au.verdict for au in found.aus} == {4: SUPPORTED, 15: UNSUPPORTED, 9: UNSUPPORTED}


def test_what_no_listed_unit_explains_is_unexplained(points: Points) -> None:
    found = judged(shown(points, 12) + shown(points, 1), points, "12")
    assert found.regions["right inner brow"] == UNEXPLAINED
    assert found.regions["right mouth corner"] == EXPLAINED
    assert 0 < found.consistency < judged(shown(points, 12), points, "12").consistency


def test_motion_without_a_label_is_unexplained(points: Points) -> None:
    found = judged(shown(points, 12), points, "")
    assert found.aus == []
    assert set(found.regions.values()) == {STILL, UNEXPLAINED}
    assert found.consistency == 0


def test_a_still_clip_without_a_label_is_consistent(points: Points) -> None:
    assert judged(np.zeros((*SHAPE, 2), np.float32), points, "").consistency == 1


def test_an_unsupported_unit_explains_nothing(points: Points) -> None:
    found = judged(-shown(points, 12), points, "12")
    assert EXPLAINED not in found.regions.values()


ANY = "+".join(map(str, UNITS)) + "+R12+L12+31+(R6 or L6)"


@given(st.floats(1e-6, 1e6), st.integers(0, 5))
def test_verdicts_do_not_depend_on_the_flows_unit(points: Points, factor: float, seed: int) -> None:
    flow = random_flow(seed)
    scaled = (flow * factor).astype(np.float32)
    before = judged(flow, points, ANY, evidence.noise(flow, points))
    after = judged(scaled, points, ANY, evidence.noise(scaled, points))
    assert [au.verdict for au in after.aus] == [au.verdict for au in before.aus]
    assert after.regions == before.regions
    assert after.consistency == pytest.approx(before.consistency, rel=1e-3)


@given(st.integers(0, 1000), st.lists(st.sampled_from(sorted(UNITS)), max_size=4))
def test_scores_and_consistency_are_shares(points: Points, seed: int, units: list[int]) -> None:
    flow = random_flow(seed)
    found = judged(flow, points, "+".join(map(str, units)), evidence.noise(flow, points))
    assert all(0 <= au.score <= 1 for au in found.aus)
    assert 0 <= found.consistency <= 1 + 1e-9
    assert tuple(found.regions) == regions.REGIONS


def test_a_score_is_a_half_at_slight_motion(points: Points) -> None:
    flow = np.zeros((*SHAPE, 2), np.float32)
    face = regions.axes(points)
    flow[:] = -face.down * SLIGHT * LEVEL
    found = evidence.by_region(evidence.measure(flow[None], points, LEVEL, (SLIGHT, 5.0, 10.0)))
    assert verification.score(2, None, found, CALIBRATION) == pytest.approx(0.5, abs=0.01)


def test_what_explains_best_is_what_acts_there(points: Points) -> None:
    flow = shown(points, 12)
    found = evidence.by_region(evidence.measure(flow[None], points, LEVEL, (SLIGHT, 5.0, 10.0)))
    held = [Code(6), Code(12)]
    assert verification.explaining_code(held, found["right mouth corner"]) == Code(12)
    assert verification.explaining_code([], found["right mouth corner"]) is None
