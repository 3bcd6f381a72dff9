"""Read files of the project from the workspace, a git revision or a DVC experiment."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from deft.core.errors import DataError

WORKSPACE = "workspace"


def read(revision: str, path: str) -> bytes:
    """Return a file's content at a git revision, in a DVC experiment, or in the workspace (`WORKSPACE`).

    Raises:
        DataError: there is no such revision, it has no such file, or the file's content is not in the local cache.

    """
    if revision == WORKSPACE:
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            raise DataError(path, "no such file", "the file of an earlier stage", "run `dvc repro`") from None
    import dvc.api  # here, since it takes a second that nothing else needs
    from dvc.exceptions import DvcException, PathMissingError

    try:
        with dvc.api.open(path, repo=".", rev=revision, mode="rb") as file:
            return bytes(file.read())
    except PathMissingError:
        raise _missing(revision, path) from None
    except DvcException as error:
        expected, remedy = "a git revision or a DVC experiment", "take one of `git log` or `dvc exp list`"
        raise DataError(revision, str(error).split("\n")[0], expected, remedy) from None


def rows(revision: str, path: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a table at a revision, with the columns named."""
    return list(pq.read_table(io.BytesIO(read(revision, path)), columns=list(columns)).to_pylist())


def _missing(revision: str, path: str) -> DataError:
    """Return the error that says why a file cannot be read at a revision that exists."""
    from dvc.repo import Repo

    with Repo.open(".", rev=revision) as repo:
        outputs = {repo.fs.relpath(out.fs_path, repo.root_dir) for out in repo.index.outs}
    if path not in outputs:
        expected, remedy = f"{path} in Git or among the outputs of DVC", "name a revision in which `dvc repro` ran"
        return DataError(revision, f"no {path}", expected, remedy)
    found = f"{path} of another run, whose content is not in this machine's cache"
    expected = "a run of this machine, or one that was pulled"
    remedy = "commit what `dvc repro` made here (`git commit --all`) and compare with that commit, or `dvc pull`"
    return DataError(revision, found, expected, remedy)
