"""CAS(ME)³'s layout: several clips per recording, gaps in frame numbers, objective classes as I–VII."""

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, sheets, video_and_part

ROLES = sheets.Roles("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "emotion")
_COLUMNS = (*ROLES[:6], "Objective class", "emotion")


def _number(plan: ClipPlan, position: int) -> int:
    """Return a frame's number; the third and the fourth number after the onset are skipped."""
    return 1000 * plan.number + plan.first + position + 2 * (position > plan.onset + 2)


def _letter(plan: ClipPlan) -> str:
    return "abcdefghiJ"[video_and_part(plan)[0] % 10]


def _identify(plan: ClipPlan) -> tuple[str, str]:
    return f"spNO.{plan.subject}", f"{_letter(plan)}_{_number(plan, plan.onset)}"


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (_number(plan, position) for position in (plan.onset, plan.apex, plan.offset))
    named = dict(zip(ROLES, (f"spNO.{plan.subject}", _letter(plan), *moments, plan.listed, word), strict=True))
    return named | {"Objective class": "VII"}


_TRAPS = (
    sheets.Trap(
        "Offset",
        lambda cells: {"Offset": 0},
        lambda truth: {"offset": truth["apex"]},
        "the sheet has none, the apex is used",
    ),
    sheets.Trap("emotion", lambda cells: {"emotion": "Others"}, lambda truth: {"emotion": "others"}, ""),
    sheets.Trap(
        "Onset",
        lambda cells: {
            **{"Subject": "spNO.216", "Filename": "d"},
            **{"Onset": 3647, "Apex": 2668, "Offset": 2694},
        },
        lambda truth: {"subject": "spNO.216", "name": "d_3647", "onset": 2647, "apex": 2668, "offset": 2694},
        "Onset: 3647 in the sheet, 2647 is used",
    ),
)

LAYOUT = Layout(
    {"happiness": "happy", "disgust": "disgust", "surprise": "surprise", "repression": "sad", "others": "others"},
    _identify,
    lambda plan, position: f"part_A/spNO.{plan.subject}/{_letter(plan).lower()}/color/{_number(plan, position)}.jpg",
    (sheets.Book("cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "label", _COLUMNS, ROLES, _line, _TRAPS),),
    recording=lambda plan: _letter(plan).lower(),
)
