"""Recordings of datasets of long videos: every frame that is there, and the labelled intervals among them."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import RecordingReader, clips, frames

_COPIED = ("clip", "kind", "emotion", "coarse", "aus", "note")  # from the index to an interval


class Recordings(NamedTuple):
    """``rows`` are rows of `schemas.RECORDINGS`, sorted; ``rejected`` says why a folder or a clip is not among them."""

    rows: list[tables.Row]
    rejected: dict[str, str]

    @property
    def intervals(self) -> int:
        """Return how many labelled intervals all recordings hold together."""
        return sum(len(row["intervals"]) for row in self.rows)


def read(root: Path, dataset: str, layout: str, index: clips.Index) -> Recordings:
    """Return the recordings of a dataset whose folder is ``root``, with the intervals that its ``index`` holds.

    A folder of frames is a recording whether or not the label sheet names it: one without expressions counts too. A
    format without recordings has none, and neither has a dataset whose clips were cut out of theirs.

    Raises:
        DataError: the rule by which the dataset names its folders cannot be read.

    """
    reader = clips.reader(layout, root)
    if reader.RECORDINGS is None:
        return Recordings([], {})
    long = cast(RecordingReader, reader)
    sheet = index.sheets[0]
    found, rejected = _folders(root, dataset, reader.RECORDINGS, long, sheet)
    if not found and not rejected:
        return Recordings([], {})
    positions = {key: {path: position for position, path in enumerate(row["frames"])} for key, row in found.items()}
    indexed = {clip["clip"]: clip for clip in index.clips}
    for row in index.rows:
        if not row["name"]:  # the row does not say of which recording it is; the index lists it
            continue
        key = f"{dataset}/{row['subject']}/{long.recording(row['name'])}"
        where = clips.named(sheet, dataset, row)
        reason = index.rejected.get(where)
        try:
            if reason is None:
                interval = _interval(indexed[clips.key(dataset, row)], key, positions.get(key, {}))
                found[key]["intervals"].append(interval)
        except DataError as error:
            reason = rejected[where] = str(error)
        if reason is not None and key in found:
            found[key]["rejected"].append(reason)
    for recording in found.values():
        recording["intervals"].sort(key=lambda interval: (interval["onset"], interval["offset"], interval["clip"]))
    return Recordings([found[key] for key in sorted(found)], rejected)


def report(found: Recordings) -> dict[str, int | dict[str, str]]:
    """Return the figures of the stage `index` about recordings."""
    return {"recordings": len(found.rows), "intervals": found.intervals, "recording_failures": found.rejected}


def _folders(
    root: Path, dataset: str, pattern: str, reader: RecordingReader, sheet: str
) -> tuple[dict[str, tables.Row], dict[str, str]]:
    """Return the recordings by key, still without intervals, and why other folders hold none."""
    found, rejected = dict[str, tables.Row](), dict[str, str]()
    named = defaultdict[tuple[str, str], list[str]](list)
    name_of = reader.folder_rule(root / sheet)
    for folder in frames.folders(root, pattern):
        try:
            named[name_of(folder)].append(folder)
        except DataError as error:
            rejected[folder] = str(error)
    for (subject, name), folders in named.items():
        key = f"{dataset}/{subject}/{name}"
        try:
            if len(folders) > 1:
                raise DataError(key, f"the folders {' and '.join(folders)}", "one folder", "keep the right one")
            paths = list(frames.find(root, folders).values())
        except DataError as error:
            rejected[key] = str(error)
            continue
        whose = {"recording": key, "dataset": dataset, "subject": subject, "name": name}
        found[key] = whose | {"frames": paths, "fps": reader.FPS, "intervals": [], "rejected": []}
    return found, rejected


def _interval(clip: tables.Row, recording: str, positions: Mapping[str, int]) -> tables.Row:
    """Return a clip as an interval of its recording, whose frames' ``positions`` are given by path."""
    paths = {moment: clip["frames"][clip[moment]] for moment in clips.MOMENTS}
    if not all(path in positions for path in paths.values()):
        remedy = "unpack the whole recording there; as a clip it can be used as it is"
        raise DataError(clip["clip"], f"frames in {Path(paths['onset']).parent}", f"the recording {recording}", remedy)
    return {name: clip[name] for name in _COPIED} | {moment: positions[path] for moment, path in paths.items()}
