"""Readers of datasets as they come: one module a format, each a `Reader`."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa

FORMATS = (
    "casme2", "samm", "smic", "casme3", "casme_squared", "samm_long", "dfme", "mmew", "casme", "fourdme", "flow",
)  # fmt: skip


class Whole(NamedTuple):
    """What a dataset holds when nothing is missing; ``composite`` are its clips in MEGC 2019's three classes."""

    clips: int
    subjects: int | None = None
    emotions: Mapping[str, int] = {}
    composite: int | None = None


class Source(NamedTuple):
    """One release of a dataset's labels: its files' names, which may hold a *, and what it holds when whole."""

    files: tuple[str, ...]
    whole: Whole | None = None


class Reader(Protocol):
    """What a format's module offers.

    ``TITLE`` is the dataset's name; ``SOURCES`` its releases, the best first: the first that is there is read, all its
    files that are. ``RECORDINGS``: a folder of frames holds a whole recording, of which a clip is a part.
    """

    TITLE: str
    SOURCES: tuple[Source, ...]
    RECORDINGS: bool

    def read_sheet(self, path: Path, corrections: bool = True) -> pa.Table:
        """The labels, a row a clip (`deft.core.schemas.SHEET`)."""
