"""Counts of a dataset on disk, compared with what the complete dataset holds."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from deft.datasets import Totals, clips, recordings

COMPOSITE = "clips in MEGC 2019's three classes"


class Check(NamedTuple):
    """One count of ``what``; ``expected`` is None where the right number is not known."""

    what: str
    found: int
    expected: int | None

    @property
    def passed(self) -> bool:
        """Return whether the count is as expected, or nothing is expected."""
        return self.expected is None or self.found == self.expected


class Checkup(NamedTuple):
    """A dataset's counts, and its index, which lists what was rejected and corrected."""

    title: str
    checks: list[Check]
    indexed: clips.Index

    @property
    def passed(self) -> bool:
        """Return whether the dataset is complete and all of it can be used."""
        return all(check.passed for check in self.checks)


def examine(root: Path, dataset: str, layout: str, corrections: bool) -> Checkup:
    """Count what the dataset in the folder ``root`` holds (see `deft.datasets.clips.read`).

    Raises:
        DataError: the folder or its label sheet is missing, or belongs to another dataset.

    """
    index = clips.read(root, dataset, layout, corrections)
    # The totals are those of the published dataset: a folder with another name may hold anything of this format.
    totals = (index.source.totals if dataset == layout else None) or Totals(len(index.rows))
    usable = [row for row in index.rows if not row["rejected"]]
    checks = [
        Check("rows of the label sheet", len(index.rows), totals.clips),
        Check("subjects", len({row["subject"] for row in usable}), totals.subjects),
        Check("clips that can be used", len(index.clips), len(index.rows)),
    ]
    emotions = Counter(row["emotion"] for row in index.rows if row["emotion"])
    checks += [
        Check(emotion, emotions[emotion], totals.emotions.get(emotion))
        for emotion in sorted({*emotions, *totals.emotions})
    ]
    checks.append(Check(COMPOSITE, clips.composite(index).total(), totals.composite))
    noted = sum(bool(clip["note"]) for clip in index.clips)
    checks.append(Check("clips with a note: something substituted, corrected or left unread", noted, None))
    reader = clips.reader(layout, root)
    if reader.RECORDINGS:
        recorded = recordings.read(root, dataset, layout, index)
        checks.append(Check("recordings", len(recorded.rows), None))
        checks.append(Check("labelled intervals in recordings", recorded.intervals, None))
        checks.append(Check("folders and clips that belong to no recording", len(recorded.rejected), 0))
    kinds = Counter(clip["kind"] for clip in index.clips)
    if kinds["macro"]:
        checks.append(Check("macro-expressions, which nothing is trained or tested on", kinds["macro"], None))
    return Checkup(reader.TITLE, checks, index)
