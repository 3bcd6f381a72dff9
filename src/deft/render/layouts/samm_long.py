"""The layout of SAMM's long videos: the header in row 10, onsets with fractions, apexes of −1, macro-expressions."""

from collections.abc import Sequence
from pathlib import Path

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, samm, sheets

_COLUMNS = (
    *("Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units"),
    "Notes",
)
ROLES = sheets.Roles("Subject", "Filename", "Onset", "Apex", "Offset", "Action Units", "Type")


def _number(plan: ClipPlan, position: int) -> int:
    return 1000 * plan.number + plan.first + position


def _line(plan: ClipPlan, _: str) -> sheets.Cells:
    moments = [_number(plan, position) for position in (plan.onset, plan.apex, plan.offset)]
    return dict(zip(ROLES, (*samm.identify(plan), *moments, plan.listed, "Micro - 1/2"), strict=True)) | {
        "Duration": moments[2] - moments[0] + 1,
        "Notes": None,
    }


def _recording(plan: ClipPlan) -> str:
    return samm.identify(plan)[1].rsplit("_", 1)[0]


def _frame(plan: ClipPlan, position: int) -> str:
    recording = _recording(plan)
    return f"SAMM_longvideos/{recording}/{recording}_{_number(plan, position):04d}.jpg"


_TRAPS = (
    sheets.Trap("Onset", lambda cells: {"Onset": cells["Onset"] + 0.4}, lambda truth: {}, "is used"),
    sheets.Trap(
        "Apex",
        lambda cells: {"Apex": -1},
        lambda truth: {"apex": (truth["onset"] + truth["offset"]) // 2},
        "the sheet has none, the middle of onset and offset is used",
    ),
    sheets.Trap(
        "Type",
        lambda cells: {"Type": "Macro"},
        lambda truth: {"name": f"{truth['name']}_macro", "kind": "macro", "emotion": None},
        "",
    ),
    sheets.Trap("Onset", lambda cells: {"Onset": 0}, None, "this movement began before the recording"),
)


def _write_extra(plans: Sequence[ClipPlan], root: Path, _: bool) -> list[sheets.Expected]:
    """Write SAMM's own sheet, which holds the emotions; no row is expected from it."""
    sheets.write(samm.BOOK, samm.WORDS, plans, root, False, samm.identify)
    return []


LAYOUT = Layout(
    samm.WORDS,
    samm.identify,
    _frame,
    (
        sheets.Book(
            "SAMM_LongVideos_V3_Release.xlsx",
            "FACS_Movement_Only",
            _COLUMNS,
            ROLES,
            _line,
            _TRAPS,
            above=[["SAMM Long Videos"], *[[]] * 8],
        ),
    ),
    _write_extra,
    _recording,
)
