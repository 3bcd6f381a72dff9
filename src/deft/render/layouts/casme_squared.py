"""CAS(ME)²'s layout: no header, naming rules of the folders in two more sheets, offsets of 0, macro-expressions."""

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, sheets

ROLES = sheets.Roles("subject", "video", "onset", "apex", "offset", "AU", "emotion")
_COLUMNS = (*ROLES, "kind", "self-report")
_VIDEOS = {"disgust1": "0101disgustingteeth", "anger1": "0401girlcrashing", "happy1": "0502funnyerrors"}


def _video(plan: ClipPlan) -> str:
    return list(_VIDEOS)[plan.number % len(_VIDEOS)]


def _number(plan: ClipPlan, position: int) -> int:
    return 1000 * plan.number + plan.first + position


def _identify(plan: ClipPlan) -> tuple[str, str]:
    return f"sub{plan.subject:02d}", f"{_video(plan)}_{plan.number + 1}"


def _line(plan: ClipPlan, word: str) -> sheets.Cells:
    moments = (_number(plan, position) for position in (plan.onset, plan.apex, plan.offset))
    return dict(zip(ROLES, (plan.subject, _identify(plan)[1], *moments, plan.listed, word), strict=True)) | {
        "kind": "micro-expression",
        "self-report": word,
    }


_TRAPS = (
    sheets.Trap(
        "offset",
        lambda cells: {"offset": 0, "kind": "macro-expression"},
        lambda truth: {"offset": truth["apex"], "kind": "macro"},
        "the sheet has none, the apex is used",
    ),
    sheets.Trap("kind", lambda cells: {"kind": "expression"}, None, 'found "expression"'),
    sheets.Trap("video", lambda cells: {"video": "sorrow9_1"}, None, "expected a video of the sheet naming rule2"),
    sheets.Trap("subject", lambda cells: {"subject": 99}, None, "expected a subject of the sheet naming rule1"),
)

LAYOUT = Layout(
    {
        **{"happiness": "positive", "disgust": "negative", "surprise": "surprise", "repression": "negative"},
        "others": "others",
    },
    _identify,
    lambda plan, position: (
        f"rawpic/s{plan.subject + 14}/{plan.subject + 14}_{_VIDEOS[_video(plan)]}/img{_number(plan, position):03d}.jpg"
    ),
    (
        sheets.Book(
            "CAS(ME)^2code_final.xlsx",
            "CASFEcode_final",
            _COLUMNS,
            ROLES,
            _line,
            _TRAPS,
            header=False,
            other_sheets={
                "naming rule1": [[number + 14, f"s{number + 14}", number] for number in range(1, 50)],
                "naming rule2": [[folder[:4], video] for video, folder in _VIDEOS.items()],
            },
        ),
    ),
    recording=_video,
)
