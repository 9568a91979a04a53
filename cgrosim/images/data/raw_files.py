"""Bytes of data files, as they are or gzip'ed; whatever is wrong with a file becomes one sentence."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError

Bytes = NDArray[np.uint8]

CLASSES: Final = 10
GZIP_MAGIC: Final = b"\x1f\x8b"
CHUNK: Final = 1 << 20
LARGEST: Final = 1 << 30  # five times the largest published file: what is longer is none of them


@dataclass(frozen=True)
class Split:
    """Images and labels as the files hold them.

    Attributes
    ----------
    images : (n, height, width, channels) array of bytes
    labels : (n,) array of bytes
    """

    images: Bytes
    labels: Bytes


@dataclass(frozen=True)
class RawData:
    """Training and test part of a data set before the pixels are scaled."""

    train: Split
    test: Split


def read_content(path: Path) -> bytearray:
    """Return what the file holds, unpacked if it is gzip'ed.

    The first two bytes say whether it is: no IDX or CIFAR file begins with those of gzip, so that a file that was
    unpacked or renamed on its way is read all the same. The checksum at the end of a gzip file is tested.

    Raises
    ------
    FileError
        If the file is missing, empty, no file, not readable, damaged, cut short or longer than any published file.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            content = _read_all(gzip.GzipFile(fileobj=file) if packed else file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = "it ends too early" if isinstance(error, EOFError) else str(error)
        raise FileError(f"{path} is damaged or cut short ({reason}); download it again.") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror or error}); give a readable file.") from None
    if not content:
        raise FileError(f"{path} is empty; download it again.")
    return content


def check_labels(labels: Bytes, path: Path, title: str) -> None:
    """Refuse labels outside 0..9.

    Raises
    ------
    FileError
        Naming the first such label and its record.
    """
    wrong = np.flatnonzero(labels >= CLASSES)
    if wrong.size:
        record = int(wrong[0])
        raise FileError(
            f"{path} gives record {record} the label {labels[record]}, but the labels of {title} are 0 to 9; "
            "it is damaged or another data set: download it again."
        )


def refuse_copies(checksums: dict[Path, str]) -> None:
    """Refuse files that hold the same bytes: a test set that is the training set would measure nothing.

    Raises
    ------
    FileError
        Naming the two files.
    """
    seen: dict[str, Path] = {}
    for path, checksum in checksums.items():
        if checksum in seen:
            raise FileError(f"{path} holds the same bytes as {seen[checksum]}; put the right file in its place.")
        seen[checksum] = path


def _read_all(file: gzip.GzipFile | io.BufferedReader, path: Path) -> bytearray:
    content = bytearray()
    while chunk := file.read(CHUNK):
        content += chunk
        if len(content) > LARGEST:
            raise FileError(f"{path} holds more than {LARGEST >> 20} MiB, more than any data set here; give another.")
    return content
