"""Recordings of datasets of long videos: all frames of each, and the labelled intervals in it."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

from deft.core import tables
from deft.core.errors import DataError
from deft.datasets import RecordingReader, clips, frames

_COPIED = ("clip", "kind", "emotion", "coarse", "aus", "note")  # from the index to an interval


class Recordings(NamedTuple):
    """``rows`` are rows of `schemas.RECORDINGS`, sorted by key.

    ``rejected`` gives the reason why a folder is no recording, or why a clip of the index is in none.
    """

    rows: list[tables.Row]
    rejected: dict[str, str]

    @property
    def intervals(self) -> int:
        """Return the number of labelled intervals in all recordings."""
        return sum(len(row["intervals"]) for row in self.rows)


def read(root: Path, dataset: str, layout: str, index: clips.Index) -> Recordings:
    """Return the recordings of the dataset in the folder ``root``, with the intervals that its ``index`` holds.

    A folder of frames is a recording whether or not the label sheet names it: a long video without expressions is one
    too. There are none in a format without recordings, nor in a dataset whose clips were cut out of theirs.

    Raises:
        DataError: the rules of the folders' names cannot be read.

    """
    reader = clips.reader(layout, root)
    if reader.RECORDINGS is None:
        return Recordings([], {})
    recording_reader = cast(RecordingReader, reader)
    folders = frames.folders(root, reader.RECORDINGS)
    if not folders:
        return Recordings([], {})
    recordings, rejected = _without_intervals(root, dataset, recording_reader, folders, index.sheets[0])
    positions = {
        key: {path: position for position, path in enumerate(recording["frames"])}
        for key, recording in recordings.items()
    }
    indexed = {clip["clip"]: clip for clip in index.clips}
    for row in index.rows:
        if not row["name"]:  # the row names no clip, hence no recording
            continue
        key = f"{dataset}/{row['subject']}/{recording_reader.recording(row['name'])}"
        where = clips.row_key(index.sheets[0], dataset, row)
        reason = index.rejected.get(where)
        try:
            if reason is None:
                interval = _interval(indexed[clips.key(dataset, row)], key, positions.get(key, {}))
                recordings[key]["intervals"].append(interval)
        except DataError as error:
            reason = rejected[where] = str(error)
        if reason is not None and key in recordings:
            recordings[key]["rejected"].append(reason)
    for recording in recordings.values():
        recording["intervals"].sort(key=lambda interval: (interval["onset"], interval["offset"], interval["clip"]))
    return Recordings([recordings[key] for key in sorted(recordings)], rejected)


def report(recordings: Recordings) -> dict[str, int | dict[str, str]]:
    """Return the figures of the stage `index` about recordings."""
    return {
        "recordings": len(recordings.rows),
        "intervals": recordings.intervals,
        "recording_failures": recordings.rejected,
    }


def _without_intervals(
    root: Path, dataset: str, reader: RecordingReader, folders: list[str], sheet: str
) -> tuple[dict[str, tables.Row], dict[str, str]]:
    """Return the recordings in these folders by key, and the reasons why other folders hold none."""
    recordings, rejected = dict[str, tables.Row](), dict[str, str]()
    named = defaultdict[tuple[str, str], list[str]](list)
    subject_and_name = reader.folder_rule(root / sheet)
    for folder in folders:
        try:
            named[subject_and_name(folder)].append(folder)
        except DataError as error:
            rejected[folder] = str(error)
    for (subject, name), same in named.items():
        key = f"{dataset}/{subject}/{name}"
        try:
            if len(same) > 1:
                raise DataError(key, f"the folders {' and '.join(same)}", "one folder", "keep the right one")
            paths = list(frames.find(root, same).values())
        except DataError as error:
            rejected[key] = str(error)
            continue
        identity = {"recording": key, "dataset": dataset, "subject": subject, "name": name}
        recordings[key] = identity | {"frames": paths, "fps": reader.FPS, "intervals": [], "rejected": []}
    return recordings, rejected


def _interval(clip: tables.Row, recording: str, positions: Mapping[str, int]) -> tables.Row:
    """Return a clip as an interval of its recording; ``positions`` are those of the recording's frames, by path."""
    paths = {moment: clip["frames"][clip[moment]] for moment in clips.MOMENTS}
    if not all(path in positions for path in paths.values()):
        remedy = "unpack the whole recording there; the clip alone can be used as it is"
        raise DataError(clip["clip"], f"frames in {Path(paths['onset']).parent}", f"the recording {recording}", remedy)
    return {column: clip[column] for column in _COPIED} | {moment: positions[path] for moment, path in paths.items()}
