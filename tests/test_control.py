from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deft.learn import control
from deft.score import control as scored
from deft.score import metrics


def motion(clips: int, without_motion: frozenset[int] = frozenset()) -> dict[str, Any]:
    """Each clip's number as its motion and as its structure; NaN where no motion is with_motion."""
    numbers = np.arange(clips, dtype=np.float32)[:, None, None].repeat(2, 1)
    with_motion = np.array([at not in without_motion for at in range(clips)])[:, None, None]
    return {"structure": numbers, "motion": np.where(with_motion, numbers, np.float32(np.nan))}


@given(st.integers(1, 30), st.frozensets(st.integers(0, 29)))
def test_no_clip_is_its_own_donor_and_each_is_a_donor_once(clips: int, without_motion: frozenset[int]) -> None:
    found = control.donors(motion(clips, without_motion))
    with_motion = {at for at in range(clips) if at not in without_motion}
    assert set(found) == set(found.values()) == (with_motion if len(with_motion) > 1 else set())
    assert all(clip != donor for clip, donor in found.items())


def test_the_same_clips_have_the_same_donors() -> None:
    assert control.donors(motion(9)) == control.donors(motion(9))


def test_without_motion_there_is_no_control() -> None:
    assert control.donors({"structure": motion(4)["structure"]}) == {}


def test_only_the_motion_is_the_donors() -> None:
    views = control.swapped(motion(4), {0: 2, 3: 0})
    assert views["motion"][:, 0, 0].tolist() == [2, 0]
    assert views["structure"][:, 0, 0].tolist() == [0, 3]


def sights(*moves: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"region": region, "direction": direction, "level": "slight", "timing": "late"} for region, direction in moves
    ]


UP, DOWN = sights(("chin", "up")), sights(("chin", "down"))


def clip(
    evidence: list[dict[str, str]], donor_evidence: list[dict[str, str]], shuffled_evidence: list[dict[str, str]] | None
) -> dict[str, Any]:
    """A clip of class a, answered correctly; with the donor's motion, the head's class is b."""
    again = {
        "emotion": "b",
        "said_emotion": shuffled_evidence and "a",
        "evidence": shuffled_evidence,
        "measured": donor_evidence,
    }
    return {
        "label": "a",
        "emotion": "a",
        "said_emotion": "a",
        "said_evidence": evidence,
        "evidence": evidence,
        "shuffled": again,
    }


def test_changes_with_a_donors_motion_are_counted() -> None:
    """The first follows the motion given; the second keeps to what it said; the third no longer parses."""
    clips = [clip(UP, DOWN, DOWN), clip(UP, DOWN, UP), clip(UP, DOWN, None)]
    found = {key: value[0] for key, value in scored.score(clips)(metrics.all_once(3)).items()}
    assert found == pytest.approx(
        {
            "emotion_changed": 1,
            "generated_changed": 1 / 3,
            "evidence_changed": 2 / 3,
            "evidence_f1": 2 * 1 / (3 + 2),
            "donor_evidence_f1": 2 * 1 / (3 + 2),
            "emotion_uf1": 0,
            "generated_uf1": 2 * 2 / (3 + 2),
        }
    )
