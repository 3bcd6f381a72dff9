"""Files of the project as they are, or as they were at a git revision or in an experiment."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from deft.core.errors import DataError

WORKSPACE = "workspace"


def read(revision: str, path: str) -> bytes:
    """A file's content at a git revision, in a DVC experiment, or as it lies here (`WORKSPACE`).

    Raises:
        DataError: there is no such revision, or it has no such file in the cache or in Git.

    """
    if revision == WORKSPACE:
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            raise DataError(path, "no such file", "the table of an earlier stage", "run `dvc repro`") from None
    import dvc.api  # here, since it takes a second that nothing else needs
    from dvc.exceptions import DvcException

    try:
        with dvc.api.open(path, repo=".", rev=revision, mode="rb") as file:
            return bytes(file.read())
    except DvcException as error:
        expected = f"a git revision or an experiment whose {path} is in Git or in the cache"
        remedy = "take one of `git log` or `dvc exp list`; `dvc pull` or `dvc repro` fills the cache"
        raise DataError(revision, str(error).split("\n")[0], expected, remedy) from None


def rows(revision: str, path: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a table at a revision."""
    return list(pq.read_table(io.BytesIO(read(revision, path)), columns=list(columns)).to_pylist())
