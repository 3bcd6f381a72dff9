"""Readers of datasets as they come: one module a format, each a `Reader`."""

from collections.abc import Callable, Mapping
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
    files that are. ``RECORDINGS`` is the pattern of the folders that hold a whole recording each, of which clips are
    parts, relative to the dataset's root; None where every folder holds one clip. A module with a pattern is a
    `RecordingReader` too.
    """

    TITLE: str
    SOURCES: tuple[Source, ...]
    RECORDINGS: str | None

    def read_sheet(self, path: Path, corrections: bool = True) -> pa.Table:
        """The labels, a row a clip (`deft.core.schemas.SHEET`)."""


class RecordingReader(Reader, Protocol):
    """What the module of a format with whole recordings offers besides; ``FPS`` is their frame rate."""

    FPS: float

    def recording(self, name: str) -> str:
        """Return the name of the recording that the clip ``name`` is a part of."""

    def folder_rule(self, sheet: Path) -> Callable[[str], tuple[str, str]]:
        """Return the rule by which folders are named: a folder's path relative to the root → subject, recording.

        The rule raises DataError for a folder that it does not name; so does reading it from the label ``sheet``.
        """
