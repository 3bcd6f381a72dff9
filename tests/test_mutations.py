"""Label sheets spoiled at random: nothing but the project's own error, and no row lost."""

import copy
import io
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from deft.core.errors import DataError
from deft.datasets import clips, frames, workbook
from deft.render import corpus, layouts

WORKBOOKS = [name for name in layouts.LAYOUTS if layouts.get(name).books]
PLANS = corpus.plan(seed=3, subjects=3, clips=2, wrong=0.0)
NUMBERED = {number: f"{number}.jpg" for number in range(3000)}

_SHEETS = cache(workbook.sheets)  # of those beside, which stay as they are
Grid = list[list[Any]]
Book = dict[str, Grid]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Format → a dataset's folder with its label sheets, traps and all."""
    found = {}
    for name in WORKBOOKS:
        found[name] = tmp_path_factory.mktemp(name)
        layouts.write_labels(layouts.get(name), PLANS, found[name], traps=True)
    return found


@pytest.fixture(scope="module")
def books(written: dict[str, Path]) -> dict[str, dict[Path, Book]]:
    """The same, read: format → file → its sheets."""
    return {
        name: {path: workbook.sheets(path) for path in clips.labels(root, clips.reader(name, root))[1]}
        for name, root in written.items()
    }


CELLS = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", "/", "-1", "0", "1e9", "../../x", "/etc", "4+L10", "٣", "12.5", "NaN", "=1+1", "\\", "CON"]
    ),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(),
)


@st.composite
def spoiled(draw: st.DrawFn, lines: Grid, header: int) -> Grid:
    """Lines with some cells, rows or columns changed; ``header`` is the header's place."""
    lines = copy.deepcopy(lines)
    for _ in range(draw(st.integers(1, 4))):
        row, column = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, max(0, len(lines[header]) - 1)))
        change = draw(st.sampled_from(["cell", "cell", "cell", "copy", "empty", "swap", "column", "double"]))
        if change == "cell" and column < len(lines[row]):
            lines[row][column] = draw(CELLS)
        elif change == "copy":
            lines.append(list(lines[row]))
        elif change == "empty" and row != header:
            lines[row] = [None] * len(lines[row])
        elif change == "swap" and row > header:
            lines[row], lines[-1] = lines[-1], lines[row]
        elif change == "column":
            for line in lines:
                del line[column : column + 1]
        elif change == "double":
            for line in lines:
                line.append(line[column] if column < len(line) else None)
    return lines


def filled(lines: Grid, after: int) -> int:
    return sum(any(cell is not None and str(cell).strip() for cell in line) for line in lines[after:])


def read(name: str, root: Path, changed: dict[Path, Book]) -> clips.Index:
    """A dataset's index, its label sheets being ``changed``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbook, "sheets", lambda path: changed.get(path) or _SHEETS(path))
        patch.setattr(clips, "labels", lambda root, reader: (reader.SOURCES[0], list(changed)))
        patch.setattr(frames, "find", lambda root, folders: NUMBERED)
        return clips.read(root, name, name)


def headers(name: str, whole: dict[Path, Book]) -> dict[Path, int]:
    """File → the place of its header; -1: it has none."""
    books = {file: layouts.get(name).books[number] for number, file in enumerate(whole)}
    return {file: len(book.above) if book.header else -1 for file, book in books.items()}


def check_rows(name: str, whole: dict[Path, Book], found: clips.Index) -> None:
    """Every row that holds anything is a clip or is rejected, and every row that is kept has a name."""
    tabs = {file: layouts.get(name).books[number].tab for number, file in enumerate(whole)}
    rows = sum(filled(whole[file][tabs[file]], header + 1) for file, header in headers(name, whole).items())
    assert len(found.rows) == rows == len(found.clips) + len(found.rejected)
    assert all(row["rejected"] or row["name"] for row in found.rows)


@pytest.mark.parametrize("name", WORKBOOKS)
def test_a_sheet_that_nobody_spoiled_is_read(
    name: str, written: dict[str, Path], books: dict[str, dict[Path, Book]]
) -> None:
    found = read(name, written[name], books[name])
    check_rows(name, books[name], found)
    assert found.clips


def test_no_row_of_a_spoiled_sheet_is_lost(written: dict[str, Path], books: dict[str, dict[Path, Book]]) -> None:
    outcomes = Counter[str]()

    @settings(max_examples=10_000)
    @given(data=st.data())
    def spoil_one(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(WORKBOOKS))
        whole = copy.copy(books[name])
        path = data.draw(st.sampled_from(sorted(whole)))
        tab = data.draw(st.sampled_from(sorted(tab for tab, lines in whole[path].items() if lines)))
        header = max(0, headers(name, whole)[path])
        whole[path] = whole[path] | {tab: data.draw(spoiled(whole[path][tab], header))}
        try:
            found = read(name, written[name], whole)
        except DataError:
            outcomes["refused"] += 1
        else:
            check_rows(name, whole, found)
            outcomes["read"] += 1

    spoil_one()
    assert outcomes["read"] > outcomes.total() / 3  # more than half; the others lost a column or their header


def as_xls(path: Path) -> bytes:
    """The workbook in the old format."""
    old, new = xlwt.Workbook(), openpyxl.load_workbook(path)
    for tab in new.worksheets:
        target = old.add_sheet(tab.title)
        for row, line in enumerate(tab.iter_rows(values_only=True)):
            for column, cell in enumerate(line):
                target.write(row, column, cell)
    written = io.BytesIO()
    old.save(written)
    return written.getvalue()


@pytest.fixture(scope="module")
def files(written: dict[str, Path]) -> dict[str, bytes]:
    """One sheet in both formats: suffix → bytes."""
    path = written["casme2"] / layouts.get("casme2").books[0].file
    return {".xlsx": path.read_bytes(), ".xls": as_xls(path)}


def test_a_file_with_spoiled_bytes_is_read_or_refused(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    read, refused = list[int](), list[str]()

    @settings(max_examples=300)
    @given(data=st.data())
    def spoil_one(data: st.DataObject) -> None:
        suffix = data.draw(st.sampled_from(sorted(files)))
        content = bytearray(files[suffix])
        if data.draw(st.booleans()):
            content = content[: data.draw(st.integers(0, len(content) - 1))]
        for _ in range(data.draw(st.integers(0, 3)) if content else 0):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path = tmp_path_factory.mktemp("spoiled") / f"CASME2-coding-20140508{suffix}"
        path.write_bytes(content)
        try:
            rows = clips.reader("casme2", "").read_sheet(path).num_rows
        except DataError as error:
            refused.append(error.where)
            assert content != files[suffix]
        else:
            read.append(rows)

    spoil_one()
    assert len(read) > 10
    assert min(read) > 0
    assert len(refused) > 10
    assert all("CASME2-coding-20140508" in where for where in refused)


def test_both_formats_of_a_workbook_read_alike(files: dict[str, bytes], tmp_path: Path) -> None:
    read = []
    for suffix, content in files.items():
        path = tmp_path / f"CASME2-coding-20140508{suffix}"
        path.write_bytes(content)
        rows = clips.reader("casme2", "").read_sheet(path).to_pylist()
        read.append([{key: row[key] for key in row if key != "rejected"} for row in rows])
    assert read[0] == read[1]
    assert len(read[0]) > len(PLANS)
