"""Read and write Parquet tables (`deft.core.schemas`) and JSON files; a written file is always complete.

A table is sorted by clip and has one row group per clip, so that a worker can read a single clip.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from deft.core.errors import DataError

Row = dict[str, Any]


def write(path: Path, schema: pa.Schema, groups: Iterable[Sequence[Row]]) -> int:
    """Write groups of rows, one row group each, and return their number. The file appears once it is complete."""
    count = 0
    with complete(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for rows in groups:
            if rows:
                columns = [pa.array([row.get(field.name) for row in rows], type=field.type) for field in schema]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
                count += 1
    return count


def rows(path: Path, columns: Sequence[str] | None = None, clip: str | None = None) -> list[Row]:
    """Return all rows, or those of one clip, as plain dictionaries."""
    filters = None if clip is None else [("clip", "==", clip)]
    return cast(list[Row], pq.read_table(_existing(path), columns=columns, filters=filters).to_pylist())


def row(path: Path, clip: str, columns: Sequence[str] | None = None) -> Row:
    """Return the single row of a clip.

    Raises:
        DataError: there is no such file, or the clip has no row or several.

    """
    matching = rows(path, columns, clip)
    if len(matching) != 1:
        raise DataError(path, f"{len(matching)} rows for {clip}", "one", "the stage that writes this file left it out")
    return matching[0]


def clips(path: Path) -> list[str]:
    """Return the keys of the clips in a table, sorted, each once."""
    return sorted(set(pq.read_table(_existing(path), columns=["clip"])["clip"].to_pylist()))


def flows(path: Path, clip: str) -> tuple[list[Row], npt.NDArray[np.float32]]:
    """Return a clip's rows of the flow table without the fields, and the fields (steps, H, W, 2), in crop px."""
    table = pq.read_table(_existing(path), filters=[("clip", "==", clip)])
    fields = [
        table["flow"][step].values.to_numpy().reshape(table["shape"][step].as_py()).astype(np.float32)
        for step in range(len(table))
    ]
    if not fields:
        raise DataError(path, f"no rows for {clip}", "its flow", "the stage that writes this file left it out")
    return table.drop_columns(["flow", "shape"]).to_pylist(), np.stack(fields)


def points(path: Path, clip: str) -> npt.NDArray[np.float32]:
    """Return a clip's landmarks (68, 2), in crop px."""
    return np.array(row(path, clip)["points"], np.float32).reshape(68, 2)


def person(row: Mapping[str, Any]) -> str:
    """Return the person in a clip, ``dataset/subject``: equal names in two datasets are different people."""
    return f"{row['dataset']}/{row['subject']}"


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object.

    Raises:
        DataError: there is no such file.

    """
    return cast(dict[str, Any], json.loads(_existing(path).read_text(encoding="utf-8")))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys; the file appears once it is complete."""
    with complete(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """Lend a temporary file beside ``path`` that replaces ``path`` if the block succeeds, and is deleted otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError(path, "no such file", "the file of an earlier stage", "run `dvc repro`")
    return path
