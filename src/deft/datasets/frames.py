"""A clip's frames on disk: by the number in their names, never by their place in a list."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deft.core.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)  # of a name without its suffix


def find(root: Path, folders: Sequence[str]) -> dict[int, str]:
    """Frame number → path relative to ``root``, ascending, from the first of ``folders`` that is there.

    A folder may hold a ``*``. Hidden files, files that are no pictures and pictures without a number are no frames.

    Raises:
        DataError: no folder is there, it or a frame is a link out of ``root``, or frames are named in two schemes.

    """
    empty = None
    with told(root):
        for folder in folders:
            there = sorted(path for path in root.glob(folder) if path.is_dir()) if "*" in folder else [root / folder]
            if len(there) > 1:
                found = f"{there[0].name} and {there[1].name}"
                raise DataError(root / folder, found, "one folder of this clip", "keep the right one")
            if there and there[0].is_dir():
                inside(root, there[0])
                if found_here := numbered(root, there[0]):
                    return found_here
                empty = there[0]
    expected = " or ".join(folders)
    if empty is not None:
        raise DataError(empty, "no frames", f"some in {expected}", "unpack them there")
    raise DataError(root, "no folder of this clip's frames", expected, "unpack the frames there")


def folders(root: Path, pattern: str) -> list[str]:
    """Return the folders that match a pattern, relative to ``root`` and sorted; hidden ones are left out.

    Raises:
        DataError: the file system refuses to list them.

    """
    with told(root):
        paths = [path.relative_to(root) for path in root.glob(pattern) if path.is_dir()]
    return sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))


@contextmanager
def told(where: Path) -> Iterator[None]:
    """Say as a `DataError` what the file system says: a name too long, links in a circle, a folder locked."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(where, f"{type(error).__name__}: {error}", "files that can be read", "mend them") from None


def numbered(root: Path, folder: Path) -> dict[int, str]:
    """The frames in one folder (see `find`)."""
    names: dict[int, str] = {}
    schemes: dict[str, str] = {}
    with os.scandir(folder) as listing:
        entries = list(listing)
    for entry in entries:
        stem, suffix = os.path.splitext(entry.name)
        if stem.startswith(".") or suffix.lower() not in SUFFIXES or not (match := _NUMBERED.fullmatch(stem)):
            continue
        if entry.is_symlink():
            inside(root, Path(entry.path))
        number = int(match[2])
        schemes.setdefault(f"{match[1]}{suffix}", entry.name)
        other = names.get(number) or next(iter(schemes.values()))
        if number in names or len(schemes) > 1:
            found = " and ".join(sorted((other, entry.name)))
            raise DataError(folder, found, "frames named in one way, each number once", "keep one set of them")
        names[number] = entry.name
    where = folder.relative_to(root).as_posix()
    return {number: f"{where}/{names[number]}" for number in sorted(names)}


def inside(root: Path, path: Path) -> None:
    """Refuse what is a link, or lies behind one, that leads out of ``root``."""
    target = path.resolve()
    if not target.is_relative_to(root.resolve()):
        remedy = "copy it there, or make the dataset's folder itself the link"
        raise DataError(path, f"a link to {target}", "a place inside the dataset's folder", remedy)
