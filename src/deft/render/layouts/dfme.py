"""DFME's layout: one release in three sheets, three frame rates, frames numbered from 0."""

from functools import partial

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, sheets

ROLES = sheets.Roles("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "AU", "Emotion")
_COLUMNS = (*ROLES[:5], "Emotion", "EmotionId", "Fps", "AU")
_WORDS = {
    "happiness": "happiness", "disgust": "disgust", "surprise": "surprise", "repression": "contempt", "others": "anger",
}  # fmt: skip
_FPS = (200, 300, 500)
_FOLDERS = {"training": "DFME_train", "testA": "test_data_A", "testB": "test_data_B"}


def _part(plan: ClipPlan) -> str:
    """Return the part of a plan's subject: 2 is in test A, 3 in test B."""
    return {2: "testA", 3: "testB"}.get(plan.subject, "training")


def _identify(plan: ClipPlan) -> tuple[str, str]:
    return f"sub{plan.subject:04d}", f"sub{plan.subject:04d}_{plan.number + 1:02d}"


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (plan.onset, plan.apex, plan.offset)
    return dict(zip(ROLES, (*_identify(plan), *moments, plan.listed, word), strict=True)) | {
        "EmotionId": sorted(set(_WORDS.values())).index(word),
        "Fps": _FPS[plan.subject % 3],
    }


_TRAPS = (sheets.Trap("Fps", lambda cells: {"Fps": 0}, None, "expected frames per second"),)


def _includes(part: str, plan: ClipPlan) -> bool:
    return _part(plan) == part


LAYOUT = Layout(
    _WORDS,
    _identify,
    lambda plan, position: f"{_FOLDERS[_part(plan)]}/{_identify(plan)[1]}/{position:05d}.png",
    [
        sheets.Book(
            f"{part}_full_with_AU.xlsx", "Sheet1", _COLUMNS, ROLES, _line, _TRAPS, includes=partial(_includes, part)
        )
        for part in _FOLDERS
    ],
)
