"""SAMM's layout: the header in row 14, durations as formulas, subjects as text, two naming schemes of frames."""

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, frame_number, sheets, video_and_part

ROLES = sheets.Roles(
    "Subject", "Filename", "Onset Frame", "Apex Frame", "Offset Frame", "Action Units", "Estimated Emotion"
)
_COLUMNS = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
_ABOVE = 13


def identify(plan: ClipPlan) -> tuple[str, str]:
    """Return subject and name of a clip."""
    return f"{plan.subject:03d}", f"{plan.subject:03d}_{video_and_part(plan)[0]}_{video_and_part(plan)[1]}"


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (frame_number(plan, position) for position in (plan.onset, plan.apex, plan.offset))
    return dict(zip(ROLES, (*identify(plan), *moments, plan.listed, word.title()), strict=True)) | {
        "Inducement Code": video_and_part(plan)[0],
        "Duration": f"={plan.offset}-{plan.onset}+1",
        "Micro": "Micro - 1/2",
        "Objective Classes": 7,
        "Notes": None,
    }


def _frame(plan: ClipPlan, position: int) -> str:
    subject, name = identify(plan)
    named = f"{subject}_{frame_number(plan, position):05d}" if plan.number else f"frame {frame_number(plan, position)}"
    return f"SAMM/{subject}/{name}/{named}.jpg"


_TRAPS = (
    sheets.Trap("Notes", lambda cells: {"Notes": "out of focus"}, lambda truth: {}, "Notes: out of focus"),
    sheets.Trap(
        "Filename",
        lambda cells: {"Filename": "099_1_1"},
        None,
        'found "099_1_1"',
    ),
    sheets.Trap("Objective Classes", lambda cells: {"Objective Classes": 9}, None, "expected 1 to 7"),
    sheets.Trap(
        "Apex Frame",
        lambda cells: {
            **{"Subject": "032", "Filename": "032_3_1"},
            **{"Onset Frame": 4896, "Apex Frame": 1930, "Offset Frame": 4970},
        },
        lambda truth: {"subject": "032", "name": "032_3_1", "onset": 4896, "apex": 4930, "offset": 4970},
        "Apex Frame: 1930 in the sheet, 4930 is used",
    ),
)

BOOK = sheets.Book(
    "SAMM_Micro_FACS_Codes_v2.xlsx",
    "MICRO_ONLY",
    _COLUMNS,
    ROLES,
    _line,
    _TRAPS,
    above=[["SAMM Micro-Movements"], ["Key"], ["/", "or"], ["?", "unclear"], *[[]] * (_ABOVE - 4)],
)
WORDS = {
    "happiness": "happiness", "disgust": "anger", "surprise": "surprise", "repression": "contempt", "others": "other",
}  # fmt: skip
LAYOUT = Layout(WORDS, identify, _frame, (BOOK,))
