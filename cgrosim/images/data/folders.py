"""Which files of a data folder are those of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cgrosim.errors import FileError
from cgrosim.images.data.known_files import (
    CIFAR_ARCHIVE,
    CIFAR_FOLDERS,
    CIFAR_TEST,
    CIFAR_TRAINING,
    IDX_SOURCES,
    IdxName,
)

DATA_VARIABLE: Final = "CGROSIM_DATA"


@dataclass(frozen=True)
class CifarFiles:
    """The files of CIFAR-10 in a folder: training and test files, or the published archive."""

    training: list[Path]
    test: Path | None
    archive: Path | None


def data_root(data_dir: Path | None) -> Path | None:
    """The data folder: the argument, else the one `CGROSIM_DATA` names, else none.

    Raises
    ------
    FileError
        If there is no such folder.
    """
    named = os.environ.get(DATA_VARIABLE) if data_dir is None else None
    root = Path(named).expanduser() if named else data_dir
    if root is not None and not os.path.isdir(root):
        what = f"the data folder {root}" + (f" of {DATA_VARIABLE}" if named else "")
        kind = "is a file" if os.path.isfile(root) else "does not exist"
        raise FileError(f"{what} {kind}; give the folder that holds the data sets.")
    return root


def find_idx(name: IdxName, root: Path) -> tuple[Path, ...] | None:
    """Return the four files of a data set below a data folder, or None if there is none of them.

    Raises
    ------
    FileError
        If some are there and some are not, or a folder cannot be read.
    """
    source = IDX_SOURCES[name]
    for folder, entries in _folders(root, source.folders):
        found = [_entry(folder, entries, file.stem) for file in source.files]
        if any(found):
            for file, path in zip(source.files, found, strict=True):
                if path is None:
                    raise FileError(
                        f"{folder} has no {file.stem}.gz, the {file.content} of {source.title}; put it there."
                    )
            return tuple(path for path in found if path is not None)
    return None


def find_cifar(root: Path) -> CifarFiles | None:
    """Return the files of CIFAR-10 below a data folder, or None if there is none of them.

    Raises
    ------
    FileError
        If the test file or every training file is missing beside the others, there is only the version in pickles,
        or a folder cannot be read.
    """
    pickles = None
    for folder, entries in _folders(root, CIFAR_FOLDERS):
        training = [path for stem in CIFAR_TRAINING if (path := _entry(folder, entries, stem))]
        test = _entry(folder, entries, CIFAR_TEST)
        if test and training:
            return CifarFiles(training, test, None)
        if CIFAR_ARCHIVE in entries:
            return CifarFiles([], None, folder / CIFAR_ARCHIVE)
        if test or training:
            raise FileError(f"{folder} has no {CIFAR_TRAINING[0] if test else CIFAR_TEST} of CIFAR-10; put it there.")
        if not pickles and entries & {"data_batch_1", "cifar-10-batches-py", "cifar-10-python.tar.gz"}:
            pickles = folder
    if pickles:
        raise FileError(f"{pickles} holds CIFAR-10 in pickles, which are never opened; put {CIFAR_ARCHIVE} there.")
    return None


def _folders(root: Path, below: tuple[str, ...]) -> Iterator[tuple[Path, set[str]]]:
    """The folders that are there, most specific first, with the names of what they hold."""
    for folder in (*(root / name for name in below), root):
        if os.path.isdir(folder):
            try:
                yield folder, set(os.listdir(folder))
            except OSError as error:
                raise FileError(f"the folder {folder} cannot be read ({error.strerror}); make it readable.") from None


def _entry(folder: Path, entries: set[str], stem: str) -> Path | None:
    """The file of this name; the gzip'ed one first, because its checksum shows damage."""
    return next((folder / name for name in (f"{stem}.gz", stem) if name in entries), None)
