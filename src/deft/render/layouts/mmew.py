"""MMEW's layout: folders by emotion; clips of others are in the folder of repression."""

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, casme2, sheets

ROLES = casme2.ROLES
_WORDS = {
    "happiness": "happiness", "disgust": "disgust", "surprise": "surprise", "repression": "sadness", "others": "others",
}  # fmt: skip


def _identify(plan: ClipPlan) -> tuple[str, str]:
    return f"S{plan.subject:02d}", f"S{plan.subject:02d}-01-{plan.number + 1:03d}"


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (position + 1 for position in (plan.onset, plan.apex, plan.offset))
    return dict(zip(ROLES, (plan.subject, _identify(plan)[1], *moments, plan.listed, word), strict=True))


_TRAPS = (
    sheets.Trap("remarks", lambda cells: {"remarks": "glasses"}, lambda truth: {}, "remarks: glasses"),
    sheets.Trap("Subject", lambda cells: {"Subject": f"S{cells['Subject']:02d}"}, lambda truth: {}, ""),
)


def _frame(plan: ClipPlan, position: int) -> str:
    folder = "repression" if plan.emotion == "others" else _WORDS[plan.emotion]
    return f"Micro_Expression/{folder}/{_identify(plan)[1]}/{position + 1}.jpg"


LAYOUT = Layout(
    _WORDS,
    _identify,
    _frame,
    (sheets.Book("MMEW_Micro_Exp.xlsx", "Sheet1", (*ROLES, "remarks"), ROLES, _line, _TRAPS),),
)
