"""What of a dataset is there, against what it holds when nothing is missing."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from deft.datasets import Whole, clips, recordings

COMPOSITE = "clips in MEGC 2019's three classes"


class Check(NamedTuple):
    """One count: ``expected`` is None where nobody knows what it should be."""

    what: str
    found: int
    expected: int | None

    @property
    def well(self) -> bool:
        """Whether nothing speaks against it."""
        return self.expected is None or self.found == self.expected


class Checkup(NamedTuple):
    """A dataset as it lies there: its counts, and its index, which knows what was rejected and corrected."""

    title: str
    checks: list[Check]
    indexed: clips.Index

    @property
    def well(self) -> bool:
        """Whether all of it can be used."""
        return all(check.well for check in self.checks)


def examine(root: Path, dataset: str, layout: str, corrections: bool) -> Checkup:
    """Examine the dataset in the folder ``root`` (see `deft.datasets.clips.read`).

    Raises:
        DataError: the folder or its label sheet is missing, or is another dataset's.

    """
    found = clips.read(root, dataset, layout, corrections)
    # A folder under another name than its format's holds what its owner put there.
    whole = (found.source.whole if dataset == layout else None) or Whole(len(found.rows))
    read = [row for row in found.rows if not row["rejected"]]
    checks = [
        Check("rows of the label sheet", len(found.rows), whole.clips),
        Check("subjects", len({row["subject"] for row in read}), whole.subjects),
        Check("clips that can be used", len(found.clips), len(found.rows)),
    ]
    words = Counter(row["emotion"] for row in found.rows if row["emotion"])
    checks += [Check(word, words[word], whole.emotions.get(word)) for word in sorted({*words, *whole.emotions})]
    checks.append(Check(COMPOSITE, clips.composite(found).total(), whole.composite))
    noted = sum(bool(clip["note"]) for clip in found.clips)
    checks.append(Check("clips with a note: something substituted, corrected or left unread", noted, None))
    if clips.reader(layout, root).RECORDINGS:
        recorded = recordings.read(root, dataset, layout, found)
        checks.append(Check("recordings", len(recorded.rows), None))
        checks.append(Check("labelled intervals in recordings", recorded.intervals, None))
    kinds = Counter(clip["kind"] for clip in found.clips)
    if kinds["macro"]:
        checks.append(Check("macro-expressions, which nothing is trained or tested on", kinds["macro"], None))
    return Checkup(clips.reader(layout, root).TITLE, checks, found)
