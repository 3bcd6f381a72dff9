"""SMIC-HS's layout: no sheet, folders as labels, unpadded subjects, large frame numbers."""

from collections.abc import Sequence
from pathlib import Path

from deft.render.corpus import ClipPlan
from deft.render.layouts import Layout, sheets

_WORDS = {
    "happiness": "positive", "disgust": "negative", "surprise": "surprise", "repression": "negative",
    "others": "negative",
}  # fmt: skip
_TOKENS = {"negative": "ne", "positive": "po", "surprise": "sur"}


def _folder(plan: ClipPlan) -> str:
    word = _WORDS[plan.emotion]
    subject = f"s{plan.subject}" if plan.subject > 1 else "s01"
    return f"HS/{subject}/micro/{word}/s{plan.subject}_{_TOKENS[word]}_{plan.number + 1:02d}"


def _number(plan: ClipPlan, position: int) -> int:
    return position + (17581039 if plan.number == 0 else 1)


def _identify(plan: ClipPlan) -> tuple[str, str]:
    return f"s{plan.subject:02d}", f"s{plan.subject:02d}_{_folder(plan).split('_', 1)[1]}"


def _write_extra(plans: Sequence[ClipPlan], root: Path, traps: bool) -> list[sheets.Expected]:
    expected = [
        sheets.Expected(
            _folder(plan),
            {
                **{
                    "subject": _identify(plan)[0],
                    "name": _identify(plan)[1],
                    "emotion": _WORDS[plan.emotion],
                    "units": [],
                },
                "onset": _number(plan, 0),
                "apex": _number(plan, plan.frames // 2),
                "offset": _number(plan, plan.frames - 1),
            },
            message="the frame in the middle is used",
        )
        for plan in plans
    ]
    if traps:
        subject = root / "HS" / "s90" / "micro"
        for folder, files, message in (
            ("negative/s90_po_01", ["image000001.bmp"], 'found "s90_po_01"'),
            ("negative/s90_ne_02", [], "found no frames"),
            ("positive/s90_po_03", ["image000001.bmp", "reg_image000002.bmp"], "expected one naming scheme"),
        ):
            (subject / folder).mkdir(parents=True)
            for file in files:
                (subject / folder / file).touch()
            expected.append(sheets.Expected(f"HS/s90/micro/{folder}", None, "", message))
    return expected


LAYOUT = Layout(
    _WORDS,
    _identify,
    lambda plan, position: f"{_folder(plan)}/image{_number(plan, position):06d}.bmp",
    write_extra=_write_extra,
)
