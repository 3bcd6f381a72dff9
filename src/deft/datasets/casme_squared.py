"""CAS(ME)² (Qu et al. 2018, doi:10.1109/TAFFC.2017.2654440): 22 subjects, 300 macro- and 57 micro-expressions, 30 fps.

``CAS(ME)^2code_final.xlsx`` holds the labels in a sheet without a header, and in two more (``naming rule1``, ``naming
rule2``) how folders are named after subjects and videos; frames ``rawpic/s15/15_0101disgustingteeth/img001.jpg``: whole
recordings.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import Source, Totals, sheet, workbook

TITLE = "CAS(ME)²"
SOURCES = (Source(("CAS(ME)^2code_final*.xls*",), Totals(357, 22)),)
RECORDINGS = "rawpic/*/*"

FPS = 30.0
EMOTIONS = ("negative", "positive", "others", "surprise")
_LABELS = "CASFEcode_final"
_RULES = ("naming rule1", "naming rule2")
_COLUMNS = ("subject", "video", "onset", "apex", "offset", "AU", "emotion", "kind", "self-report")
Rule = dict[str, re.Match[str]]  # the labels' name of a subject or a video → its line of a naming rule
_KINDS = {"macro-expression": "macro", "micro-expression": "micro"}


def read_sheet(path: Path, corrections: bool = True) -> pa.Table:
    """Return the labels, one row per expression (`deft.core.schemas.SHEET`); needs no frames.

    Columns of the headerless sheet are called subject, video, onset, apex, offset, AU, emotion, kind and self-report.

    Raises:
        DataError: the file is not the label sheet of CAS(ME)².

    """
    book = workbook.sheets(path)
    labels = [title for title, lines in book.items() if title not in _RULES and any(any(line) for line in lines)]
    title = _LABELS if _LABELS in labels else labels[0] if len(labels) == 1 else None
    if title is None or not set(_RULES) <= set(book):
        expected = f"CASFEcode_final, {' and '.join(_RULES)}"
        raise DataError(path, f"the sheets {', '.join(book)}", expected, workbook.RIGHT_SHEET)
    people, videos = _rules(path, book)
    body = sheet.body(path, title, _COLUMNS, book[title], 1)
    return sheet.table("casme_squared", body, _identify, partial(_labels, people, videos), corrections)


def recording(name: str) -> str:
    """Return the recording of a clip: ``anger1`` of ``anger1_2``."""
    return name.rsplit("_", 1)[0]


def folder_rule(sheet: Path) -> Callable[[str], tuple[str, str]]:
    """Return the function from a folder to its subject and recording, by the naming rules of the label ``sheet``."""
    people, videos = _rules(sheet, workbook.sheets(sheet))
    return partial(_of_folder, people, videos)


def _of_folder(people: Rule, videos: Rule, folder: str) -> tuple[str, str]:
    _, person_folder, name = folder.split("/")
    for subject, person in people.items():
        for video, video_line in videos.items():
            if person["folder"] == person_folder and name.startswith(_prefix(person, video_line)):
                return f"sub{int(subject):02d}", video
    expected = "a subject of the sheet naming rule1 and a video of naming rule2"
    raise DataError(folder, "a folder of neither", expected, "rename the folder, or move it away")


def _prefix(person: re.Match[str], video: re.Match[str]) -> str:
    """Return what the name of a recording's folder begins with: ``15_0101``."""
    return f"{person['number']}_{video['number'].zfill(4)}"


def _identify(line: sheet.Line) -> tuple[str, str]:
    subject = int(line.name("subject", r"\d{1,2}", "1"))
    return f"sub{subject:02d}", line.name("video", r"[a-z]+\d+_\d+", "anger1_1")


def _labels(people: Rule, videos: Rule, line: sheet.Line, subject: str, name: str) -> tables.Row:
    video = recording(name)
    if str(int(subject[3:])) not in people:
        raise line.error("subject", "a subject of the sheet naming rule1")
    if video not in videos:
        raise line.error("video", "a video of the sheet naming rule2")
    person = people[str(int(subject[3:]))]
    return line.interval("onset", "apex", "offset", missing="0") | {
        "kind": _KINDS[line.word("kind", _KINDS)],
        "fps": FPS,
        "emotion": line.word("emotion", EMOTIONS),
        "aus": line.units("AU"),
        "folders": [f"rawpic/{person['folder']}/{_prefix(person, videos[video])}*"],
    }


def _rules(path: Path, book: Mapping[str, Sequence[workbook.Cells]]) -> tuple[Rule, Rule]:
    """Return the naming rules of subjects and of videos, by the names that the sheet of labels has for them."""
    people = _rule(path, _RULES[0], book[_RULES[0]], r"(?P<number>\d+)\|(?P<folder>s\d+)\|(?P<key>\d+)")
    videos = _rule(path, _RULES[1], book[_RULES[1]], r"(?P<number>\d{3,4})\|(?P<key>[a-z]+\d+)")
    return people, videos


def _rule(path: Path, title: str, lines: Sequence[workbook.Cells], pattern: str) -> Rule:
    """Return the lines of one naming rule that match ``pattern``, by its group "key"; a header does not match."""
    rule: Rule = {}
    for number, line in enumerate(lines, 1):
        match = re.match(pattern, "|".join(map(workbook.text, line)), re.ASCII)
        if match and match["key"] in rule:
            where = f"{path.name}, {title}, row {number}"
            raise DataError(where, f"{match['key']} twice", "each name once", sheet.REMEDY)
        if match:
            rule[match["key"]] = match
    return rule
