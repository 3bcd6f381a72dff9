"""Every reader against the layout that the renderer writes of its dataset, traps and all."""

from pathlib import Path
from typing import Any

import pytest
from conftest import empty_frames

from deft.core import tables
from deft.datasets import FORMATS, clips
from deft.render import corpus, layouts
from deft.render.layouts import sheets

PLANS = corpus.plan(seed=11, subjects=3, clips=8, wrong=0.0)
FIELDS = ("subject", "name", "onset", "apex", "offset", "emotion", "kind")


def written(name: str, root: Path, traps: bool = True) -> list[sheets.Expected]:
    """A layout's labels, and an empty file for every frame."""
    layout = layouts.get(name)
    expected = layouts.write_labels(layout, PLANS, root, traps)
    empty_frames(layout, PLANS, root)
    return expected


def rows(name: str, root: Path) -> dict[str, tables.Row]:
    """Where a row stands → the row as its reader has it."""
    reader, found = clips.reader(name, root), {}
    _, files = clips.labels(root, reader)
    for file in files:
        for row in reader.read_sheet(file).to_pylist():
            tab = next((book.tab for book in layouts.get(name).books if book.file == file.name), None)
            where = f"{file.name}, {tab}, row {row['row']}" if tab else f"{file.name}, row {row['row']}"
            found[row["folders"][0] if name == "smic" and row["folders"] else where] = row
    return found


def units(row: tables.Row) -> list[tuple[int, str | None]]:
    return [(au["unit"], au["side"]) for au in row["aus"]]


@pytest.fixture(scope="module", params=FORMATS)
def read(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, list[sheets.Expected], dict[str, tables.Row]]:
    name = request.param
    root = tmp_path_factory.mktemp(name)
    expected = written(name, root)
    return name, root, expected, rows(name, root)


def test_every_format_has_a_layout() -> None:
    assert layouts.LAYOUTS == FORMATS


def test_every_row_that_can_be_read_is_the_truth(
    read: tuple[str, Path, list[sheets.Expected], dict[str, tables.Row]],
) -> None:
    _, _, expected, found = read
    good = [each for each in expected if each.truth is not None]
    assert len(good) >= len(PLANS)
    for each in good:
        row, truth = found[each.where], dict[str, Any](kind="micro") | (each.truth or {})
        assert row["rejected"] is None, each
        assert {name: row[name] for name in FIELDS} == {name: truth[name] for name in FIELDS}, each
        assert units(row) == truth["units"], each
        assert each.message in row["note"], each


def test_every_row_that_cannot_be_read_is_rejected_by_sheet_row_and_column(
    read: tuple[str, Path, list[sheets.Expected], dict[str, tables.Row]],
) -> None:
    name, _, expected, found = read
    bad = [each for each in expected if each.truth is None]
    assert len(bad) >= 3
    for each in bad:
        reasons = [row["rejected"] for row in found.values() if row["rejected"]]
        reason = next((reason for reason in reasons if each.where in reason), "")
        assert reason.startswith(f"{each.where}, {each.column}" if name != "smic" else ""), (each, reasons)
        assert each.message in reason, (each, reason)


def test_rows_are_clips_or_rejected(read: tuple[str, Path, list[sheets.Expected], dict[str, tables.Row]]) -> None:
    name, root, expected, _ = read
    index = clips.read(root, name, name)
    assert len(index.rows) == len(expected) == len(index.clips) + len(index.rejected)
