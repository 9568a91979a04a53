"""Which names are places of images of one's own, and how such a place is written in settings."""

from __future__ import annotations

import os
from pathlib import Path

from cgrosim.errors import FileError
from cgrosim.files.words import shown
from cgrosim.images.data.sources import all_sources


def own_place(name: str) -> Path | None:
    """The file or folder that a name is the path of; None for the name of a known data set, and for what is neither.

    A path ends in .npz, holds a separator, or names a folder that is there. A known name is never a path: a folder
    ``digits`` is ``./digits``.
    """
    if name in all_sources():
        return None
    path = Path(name).expanduser()
    separators = {os.sep, os.altsep or os.sep, "/"}
    if name.endswith(".npz") or any(each in name for each in separators) or (name and _is_folder(path)):
        return path
    return None


def settled_name(name: str) -> str:
    """The name of a data set as settings keep it: of two spellings of one relative path the shorter."""
    if own_place(name) is None:
        return name
    short = os.path.normpath(name)
    return os.path.join(os.curdir, short) if own_place(short) is None else short


def require_place(path: Path) -> bool:
    """Whether a place is a folder; a file if not.

    Raises
    ------
    FileError
        If there is nothing.
    """
    if _is_folder(path):
        return True
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise FileError(
            f"there are no images at {shown(path)}; give the path of an .npz file, or of a folder with one folder a "
            "class."
        )
    return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
