"""4DME's layout: static units, two labels in a cell, subjects who were recorded twice."""

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, frame_number, sheets

ROLES = sheets.Roles("sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion")
_COLUMNS = (*ROLES[:2], "Emotion", *ROLES[2:6], "fold", "eye blink", "Positive", "Negative", "Surprise", "Total")


def _visit(plan: ClipPlan) -> str:
    return ("1st", "2nd")[plan.number % 2]


def _fold(plan: ClipPlan) -> str:
    return f"{plan.number + 1:03d}_01_1"


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (float(frame_number(plan, position)) for position in (plan.onset, plan.apex, plan.offset))
    session = f"S{plan.subject:02d}_{_visit(plan)}"
    return dict(zip(ROLES, (session, _fold(plan), *moments, f"AU{plan.listed}", word.title()), strict=True))


_TRAPS = (
    sheets.Trap(
        "Emotion",
        lambda cells: {"Emotion": "Surprise+Positive"},
        lambda truth: {"emotion": "surprise+positive"},
        "",
    ),
    sheets.Trap(
        "AUs",
        lambda cells: {"AUs": "AUR2+12(k)+45"},
        lambda truth: {"units": [(2, "R"), (12, None), (45, None)]},
        "",
    ),
)

LAYOUT = Layout(
    {
        **{"happiness": "positive", "disgust": "negative", "surprise": "surprise", "repression": "repression"},
        "others": "others",
    },
    lambda plan: (f"S{plan.subject:02d}", f"{_visit(plan)}_{_fold(plan)}"),
    lambda plan, position: (
        f"gray_micro/S{plan.subject:02d}_{_visit(plan)}/{_fold(plan)}/{frame_number(plan, position):06d}.jpg"
    ),
    (sheets.Book("4DME_Labelling_Micro_release v1.xlsx", "Sheet1", _COLUMNS, ROLES, _line, _TRAPS),),
)
