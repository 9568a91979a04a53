"""The binary version of CIFAR-10 (A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009).

A file is a sequence of records of 3073 bytes: one label, then the red, green and blue plane of 32x32 pixels, row by
row. The published archive is read in memory: nothing is extracted to disk, and no pickle is ever opened.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Final

import numpy as np

from cgrosim.errors import FileError
from cgrosim.images.data import known_files
from cgrosim.images.data.raw_files import Bytes, RawData, Split, check_labels, read_content, refuse_copies

SIDE: Final = 32
CHANNELS: Final = 3
RECORD: Final = 1 + CHANNELS * SIDE * SIDE


def read_batch(path: Path) -> Split:
    """Return the images (n, 32, 32, 3) and labels (n,) of one file, gzip'ed or not.

    Raises
    ------
    FileError
        If it cannot be read or is damaged, is no whole number of records, or has a label outside 0..9.
    """
    return _parse(read_content(path), path)


def read_files(training: list[Path], test: Path) -> RawData:
    """Return the data set from its training files (any number of the five) and its test file.

    Raises
    ------
    FileError
        If one of the files is wrong, or two of them hold the same bytes.
    """
    return _read({path: read_content(path) for path in (*training, test)})


def read_archive(path: Path) -> RawData:
    """Return the data set from the published archive, of which only regular files of the expected names are read.

    Raises
    ------
    FileError
        If it is not the published archive byte for byte.
    """
    checksum = _md5(path)
    if checksum != known_files.CIFAR_ARCHIVE_MD5:
        raise FileError(
            f"{path} is not the published archive (its md5 is {checksum}, not {known_files.CIFAR_ARCHIVE_MD5}); "
            f"download it again from {known_files.CIFAR_MIRROR}{known_files.CIFAR_ARCHIVE}."
        )
    wanted = (*known_files.CIFAR_TRAINING, known_files.CIFAR_TEST)
    members: dict[str, bytearray] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(read_content(path)), mode="r:") as archive:
            for member in archive:
                name = member.name.removeprefix("cifar-10-batches-bin/")
                if name in wanted and member.isreg():
                    file = archive.extractfile(member)
                    members[name] = bytearray(file.read()) if file else bytearray()
    except tarfile.TarError as error:
        raise FileError(f"{path} is not a tar archive ({error}); download it again.") from None
    for name in wanted:
        if not members.get(name):
            raise FileError(f"{path} has no file {name}; download it again.")
    return _read({path / name: members[name] for name in wanted})


def _read(contents: dict[Path, bytearray]) -> RawData:
    refuse_copies({path: hashlib.sha256(content).hexdigest() for path, content in contents.items()})
    *training, test = (_parse(content, path) for path, content in contents.items())
    images = np.concatenate([split.images for split in training])
    labels = np.concatenate([split.labels for split in training])
    return RawData(Split(images, labels), test)


def _parse(content: bytearray, path: Path) -> Split:
    count, rest = divmod(len(content), RECORD)
    if rest:
        raise FileError(
            f"{path} holds {len(content)} bytes, which is no whole number of CIFAR-10 records of {RECORD} bytes; "
            "it is cut short or in another format: download the binary version again."
        )
    records = np.frombuffer(content, np.uint8).reshape(count, RECORD)
    labels = records[:, 0]
    check_labels(labels, path, "CIFAR-10")
    return Split(_channels_last(records[:, 1:]), labels)


def _channels_last(planes: Bytes) -> Bytes:
    return np.ascontiguousarray(planes.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1))


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror or error}); give a readable file.") from None
