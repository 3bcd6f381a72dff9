"""Readers of datasets as their authors ship them: one module per format, each a `Reader`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa

FORMATS = (
    "casme2", "samm", "smic", "casme3", "casme_squared", "samm_long", "dfme", "mmew", "casme", "fourdme", "flow",
)  # fmt: skip


class Totals(NamedTuple):
    """What a complete dataset holds; None: not known. ``clips`` counts the rows of its label sheets.

    ``emotions`` counts clips by the dataset's own word, ``composite`` those in MEGC 2019's three classes.
    """

    clips: int
    subjects: int | None = None
    emotions: Mapping[str, int] = {}
    composite: int | None = None


class Source(NamedTuple):
    """One release of a dataset's labels: the names of its files, which may hold a *, and its totals if known."""

    files: tuple[str, ...]
    totals: Totals | None = None


class Reader(Protocol):
    """What a format's module offers.

    ``TITLE`` is the dataset's name. ``SOURCES`` are its releases in order of preference: all files of the first one
    that is present are read. ``RECORDINGS`` is the pattern, relative to the dataset's root, of folders that hold a
    whole recording each, with clips as parts of it; None: every folder holds one clip. A module with such a pattern is
    also a `RecordingReader`.
    """

    TITLE: str
    SOURCES: tuple[Source, ...]
    RECORDINGS: str | None

    def read_sheet(self, path: Path, corrections: bool = True) -> pa.Table:
        """Return the labels, one row per clip (`deft.core.schemas.SHEET`)."""


class RecordingReader(Reader, Protocol):
    """What the module of a format with whole recordings offers in addition. ``FPS`` is their frame rate."""

    FPS: float

    def recording(self, name: str) -> str:
        """Return the name of the recording that the clip ``name`` is a part of."""

    def folder_rule(self, sheet: Path) -> Callable[[str], tuple[str, str]]:
        """Return a function from a recording's folder, relative to the root, to its subject and its name.

        The function raises DataError for a folder that does not follow the dataset's names. A dataset may keep the
        rules of these names in its label ``sheet``; reading them raises DataError too.
        """
