"""CASME's layout: an apex that lasts several frames, frames named after their clip, numbers padded in part."""

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, frame_number, sheets

ROLES = sheets.Roles("Subject", "Filename", "OnsetF", "ApexF1", "OffsetF", "AU", "Emotion")
_COLUMNS = ("Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU", "Emotion")


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (frame_number(plan, position) for position in (plan.onset, plan.apex, plan.offset))
    return dict(zip(ROLES, (plan.subject, plan.name, *moments, plan.listed, word), strict=True)) | {"ApexF2": "\\"}


_TRAPS = (
    sheets.Trap("ApexF2", lambda cells: {"ApexF2": cells["ApexF1"] + 2}, lambda truth: {}, "the apex lasts until"),
    sheets.Trap("OnsetF", lambda cells: {"OnsetF": float(cells["OnsetF"])}, lambda truth: {}, ""),
)

LAYOUT = Layout(
    {"happiness": "happiness", "disgust": "disgust", "surprise": "surprise", "repression": "repression",
     "others": "tense"},
    lambda plan: (f"sub{plan.subject:02d}", plan.name),
    lambda plan, position: (
        f"CASME_raw_selected/sub{plan.subject:02d}/{plan.name}/"
        f"{plan.name}-{frame_number(plan, position):0{3 if plan.number % 2 else 1}d}.jpg"
    ),
    (sheets.Book("CASME-coded-20190721.xlsx", "Sheet1", _COLUMNS, ROLES, _line, _TRAPS),),
)  # fmt: skip
