"""Frames on disk, identified by the number in their file names and never by their place in a list."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deft.core.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)  # of a name without its suffix


def find(root: Path, folders: Sequence[str]) -> dict[int, str]:
    """Return frame number → path relative to ``root``, ascending, from the first of ``folders`` that has frames.

    A folder's name may hold a ``*``. Hidden files, files that are not images and images without a number are ignored.

    Raises:
        DataError: no folder is there, one or a frame is a link out of ``root``, or frames are named in two schemes.

    """
    empty = None
    with os_errors_explained(root):
        for folder in folders:
            matches = sorted(path for path in root.glob(folder) if path.is_dir()) if "*" in folder else [root / folder]
            if len(matches) > 1:
                names = f"{matches[0].name} and {matches[1].name}"
                raise DataError(root / folder, names, "one folder for this clip", "keep the right one")
            if matches and matches[0].is_dir():
                check_inside(root, matches[0])
                if frames := by_number(root, matches[0]):
                    return frames
                empty = matches[0]
    expected = " or ".join(folders)
    if empty is not None:
        raise DataError(empty, "no frames", f"some in {expected}", "unpack them there")
    raise DataError(root, "no folder with this clip's frames", expected, "unpack the frames there")


def folders(root: Path, pattern: str) -> list[str]:
    """Return the folders that match a pattern, relative to ``root`` and sorted; hidden ones are ignored.

    Raises:
        DataError: the file system cannot list them.

    """
    with os_errors_explained(root):
        paths = [path.relative_to(root) for path in root.glob(pattern) if path.is_dir()]
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))


@contextmanager
def os_errors_explained(where: Path) -> Iterator[None]:
    """Raise a `DataError` for what the file system refuses: a name too long, links in a circle, a locked folder."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        remedy = "check names, links and permissions"
        raise DataError(where, f"{type(error).__name__}: {error}", "files that can be read", remedy) from None


def by_number(root: Path, folder: Path) -> dict[int, str]:
    """Return the frames in one folder (see `find`)."""
    names: dict[int, str] = {}
    schemes: dict[str, str] = {}
    with os.scandir(folder) as listing:
        entries = list(listing)
    for entry in entries:
        stem, suffix = os.path.splitext(entry.name)
        if stem.startswith(".") or suffix.lower() not in SUFFIXES or not (match := _NUMBERED.fullmatch(stem)):
            continue
        if entry.is_symlink():
            check_inside(root, Path(entry.path))
        number = int(match[2])
        schemes.setdefault(f"{match[1]}{suffix}", entry.name)
        other = names.get(number) or next(iter(schemes.values()))
        if number in names or len(schemes) > 1:
            both = " and ".join(sorted((other, entry.name)))
            raise DataError(folder, both, "one naming scheme, each number once", "keep one set of frames")
        names[number] = entry.name
    parent = folder.relative_to(root).as_posix()
    return {number: f"{parent}/{names[number]}" for number in sorted(names)}


def check_inside(root: Path, path: Path) -> None:
    """Raise DataError if ``path`` is a link, or lies behind one, that leads out of ``root``."""
    target = path.resolve()
    if not target.is_relative_to(root.resolve()):
        remedy = "copy it there, or make the dataset's folder itself the link"
        raise DataError(path, f"a link to {target}", "a place inside the dataset's folder", remedy)
