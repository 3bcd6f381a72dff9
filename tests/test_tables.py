from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from deft.core import schemas, tables
from deft.core.errors import DataError


def baselines(*clips: str) -> list[list[tables.Row]]:
    return [[{"clip": clip, "baseline": name, "emotion": "others"} for name in ("a", "b")] for clip in clips]


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with tables.complete(path) as temporary:
        temporary.write_text("whole", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "whole"
    assert hidden(path.parent) == ["file"]


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half"), tables.complete(tmp_path / "file") as temporary:  # noqa: PT012
        temporary.write_text("half", encoding="utf-8")
        raise ValueError("half")
    assert hidden(tmp_path) == []


def test_an_exception_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), tables.complete(path):
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "old"
    assert hidden(tmp_path) == ["file"]


def test_a_table_of_which_a_group_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def groups() -> object:
        yield baselines("a")[0]
        raise ValueError("bad clip")

    with pytest.raises(ValueError, match="bad clip"):
        tables.write(tmp_path / "t.parquet", schemas.BASELINES, groups())  # type: ignore[arg-type]
    assert hidden(tmp_path) == []


def test_what_is_written_is_read(tmp_path: Path) -> None:
    groups = baselines("a", "b", "c")
    assert tables.write(tmp_path / "t.parquet", schemas.BASELINES, groups) == 3
    assert tables.rows(tmp_path / "t.parquet") == [row for group in groups for row in group]
    assert tables.rows(tmp_path / "t.parquet", clip="b") == groups[1]
    assert tables.rows(tmp_path / "t.parquet", ["emotion"], "b") == [{"emotion": "others"}] * 2


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tables.write(tmp_path / name, schemas.BASELINES, baselines("a", "b"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_row_group_is_a_clip_and_an_empty_group_is_none(tmp_path: Path) -> None:
    assert tables.write(tmp_path / "t", schemas.BASELINES, [*baselines("a", "b"), []]) == 2
    file = pq.ParquetFile(tmp_path / "t")
    assert file.num_row_groups == 2
    assert [set(file.read_row_group(i)["clip"].to_pylist()) for i in range(2)] == [{"a"}, {"b"}]


def test_clips_are_sorted_and_each_named_once(tmp_path: Path) -> None:
    tables.write(tmp_path / "t", schemas.BASELINES, baselines("b", "a"))
    assert tables.clips(tmp_path / "t") == ["a", "b"]


def test_a_column_that_rows_lack_is_null(tmp_path: Path) -> None:
    tables.write(tmp_path / "t", schemas.BASELINES, [[{"clip": "a"}]])
    assert tables.row(tmp_path / "t", "a") == {"clip": "a", "baseline": None, "emotion": None}


@pytest.mark.parametrize("clip", ["a", "none"])
def test_a_row_must_be_the_only_one(tmp_path: Path, clip: str) -> None:
    tables.write(tmp_path / "t", schemas.BASELINES, baselines("a"))
    with pytest.raises(DataError, match=f"rows for {clip}, expected one"):
        tables.row(tmp_path / "t", clip)


def test_a_missing_table_names_itself_and_the_remedy(tmp_path: Path) -> None:
    for read in (tables.rows, tables.clips):
        with pytest.raises(DataError, match=r"t\.parquet: found no such file.*dvc repro"):
            read(tmp_path / "t.parquet")


def test_flow_fields_come_back_in_their_shape(tmp_path: Path) -> None:
    fields = np.random.default_rng(0).normal(size=(2, 5, 4, 2)).astype(np.float16)
    rows = [
        {"clip": "a", "step": i, "shape": field.shape, "flow": field.ravel(), "noise": 0.5}
        for i, field in enumerate(fields)
    ]
    tables.write(tmp_path / "t", schemas.FLOW, [rows])
    steps, found = tables.flows(tmp_path / "t", "a")
    np.testing.assert_array_equal(found, fields.astype(np.float32))
    assert found.dtype == np.float32
    assert [step["noise"] for step in steps] == [0.5, 0.5]


def test_flow_of_an_absent_clip_is_an_error(tmp_path: Path) -> None:
    tables.write(tmp_path / "t", schemas.FLOW, [])
    with pytest.raises(DataError, match="no rows for a, expected its flow"):
        tables.flows(tmp_path / "t", "a")


def test_json_has_sorted_keys_and_plain_letters(tmp_path: Path) -> None:
    tables.write_json(tmp_path / "r.json", {"b": "≥", "a": 1})
    assert (tmp_path / "r.json").read_text(encoding="utf-8") == '{\n  "a": 1,\n  "b": "≥"\n}\n'


def test_a_missing_report_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"backbone\.json: found no such file, .* run `dvc repro`"):
        tables.read_json(tmp_path / "backbone.json")
