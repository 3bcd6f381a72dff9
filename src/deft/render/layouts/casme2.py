"""CASME II's layout: subjects as text, blank columns, two empty sheets, frame numbers absolute and unpadded."""

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, frame_number, sheets

ROLES = sheets.Roles(
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"
)
_COLUMNS = (*ROLES[:2], None, *ROLES[2:5], None, *ROLES[5:])
_SAME = {name: name for name in ("happiness", "disgust", "surprise", "repression", "others")}


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (frame_number(plan, position) for position in (plan.onset, plan.apex, plan.offset))
    return dict(zip(ROLES, (f"{plan.subject:02d}", plan.name, *moments, plan.listed, word), strict=True))


def _identify(plan: ClipPlan) -> tuple[str, str]:
    return f"sub{plan.subject:02d}", plan.name


_TRAPS = (
    sheets.Trap(
        "ApexFrame",
        lambda cells: {"ApexFrame": cells["OnsetFrame"]},
        lambda truth: {"apex": truth["onset"]},
        "",
    ),
    sheets.Trap("Subject", lambda cells: {"Subject": int(cells["Subject"])}, lambda truth: {}, ""),
    sheets.Trap(
        "Estimated Emotion",
        lambda cells: {"Estimated Emotion": f"{str(cells['Estimated Emotion']).title()} "},
        lambda truth: {},
        "",
    ),
)


def frame(plan: ClipPlan, position: int) -> str:
    """Return the path of a frame, relative to the root."""
    return f"CASME2-RAW/sub{plan.subject:02d}/{plan.name}/img{frame_number(plan, position)}.jpg"


LAYOUT = Layout(
    words=_SAME,
    identify=_identify,
    frame=frame,
    books=(
        sheets.Book(
            "CASME2-coding-20140508.xlsx",
            "Sheet1",
            _COLUMNS,
            ROLES,
            _line,
            _TRAPS,
            other_sheets={"Sheet2": [], "Sheet3": []},
        ),
    ),
)
