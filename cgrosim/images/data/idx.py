"""The IDX format of MNIST and Fashion-MNIST (Y. LeCun, C. Cortes, C. Burges: the MNIST database).

A file begins with two zero bytes, one byte for the type of its numbers (8: unsigned bytes) and one for the number of
dimensions; the dimensions follow as big-endian 32-bit numbers, then the values, last dimension fastest.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Final

import numpy as np

from cgrosim.errors import FileError
from cgrosim.images.data.known_files import IDX_SOURCES, IdxFile, IdxName
from cgrosim.images.data.raw_files import Bytes, RawData, Split, check_labels, read_content, refuse_copies

IMAGES_MAGIC: Final = 2051
LABELS_MAGIC: Final = 2049
IMAGE_SIZE: Final = (28, 28)
_WHAT: Final = {IMAGES_MAGIC: "images", LABELS_MAGIC: "labels"}


def read_images(path: Path, size: tuple[int, int] = IMAGE_SIZE) -> Bytes:
    """Return the (n, height, width) images of an IDX file, gzip'ed or not.

    Raises
    ------
    FileError
        If it cannot be read or is damaged, holds labels or something else, or images of another size.
    """
    return _parse_images(read_content(path), path, size)


def read_labels(path: Path, title: str = "this data set") -> Bytes:
    """Return the (n,) labels of an IDX file, gzip'ed or not.

    Raises
    ------
    FileError
        If it cannot be read or is damaged, holds images or something else, or a label outside 0..9.
    """
    return _parse_labels(read_content(path), path, title)


def read_folder(name: IdxName, paths: tuple[Path, ...]) -> RawData:
    """Return a data set from its four files: training images and labels, test images and labels.

    Raises
    ------
    FileError
        If one of the files is wrong by itself, two of them do not belong together, or one is known to be another
        file (of this or another data set) under a wrong name.
    """
    source = IDX_SOURCES[name]
    contents = [read_content(path) for path in paths]
    checksums = [hashlib.sha256(content).hexdigest() for content in contents]
    for path, file, checksum in zip(paths, source.files, checksums, strict=True):
        _refuse_known(path, name, file, checksum)
    splits = []
    for first in (0, 2):
        images = _parse_images(contents[first], paths[first], IMAGE_SIZE)
        labels = _parse_labels(contents[first + 1], paths[first + 1], source.title)
        if len(images) != len(labels):
            raise FileError(
                f"{paths[first]} holds {len(images)} images, but {paths[first + 1]} holds {len(labels)} labels; "
                "download both again."
            )
        splits.append(Split(images[..., None], labels))
    refuse_copies({paths[part]: checksums[part] for part in (0, 2)})
    return RawData(*splits)


def _refuse_known(path: Path, name: IdxName, expected: IdxFile, checksum: str) -> None:
    for other, source in IDX_SOURCES.items():
        for file in source.files:
            if checksum == file.sha256 and (other, file.stem) != (name, expected.stem):
                raise FileError(
                    f"{path} holds the {file.content} of {source.title}, byte for byte, not the {expected.content} of "
                    f"{IDX_SOURCES[name].title}; put the right file in its place."
                )


def _parse_images(content: bytearray, path: Path, size: tuple[int, int]) -> Bytes:
    count, *dimensions = _dimensions(content, path, IMAGES_MAGIC)
    if tuple(dimensions) != size:
        raise FileError(
            f"{path} holds images of {dimensions[0]}x{dimensions[1]} pixels, not of {size[0]}x{size[1]}; "
            "give the file of this data set."
        )
    return _values(content, path, (count, *size))


def _parse_labels(content: bytearray, path: Path, title: str) -> Bytes:
    (count,) = _dimensions(content, path, LABELS_MAGIC)
    labels = _values(content, path, (count,))
    check_labels(labels, path, title)
    return labels


def _dimensions(content: bytearray, path: Path, magic: int) -> list[int]:
    """The dimensions of an IDX file of the expected kind."""
    found = int.from_bytes(content[:4], "big")
    if len(content) < 4 or found not in _WHAT:
        start = content[:4].hex(" ")
        raise FileError(
            f"{path} is neither an IDX file of {_WHAT[magic]} nor one in gzip: it begins with the bytes {start}; "
            "download it again."
        )
    if found != magic:
        raise FileError(
            f"{path} holds {_WHAT[found]} (magic number {found}), but should hold {_WHAT[magic]} ({magic}); "
            "put the right file in its place."
        )
    header = _header_length(magic)
    if len(content) < header:
        raise FileError(f"{path} is cut short within its header of {header} bytes; download it again.")
    return [int.from_bytes(content[start : start + 4], "big") for start in range(4, header, 4)]


def _header_length(magic: int) -> int:
    return 4 + 4 * (magic & 0xFF)  # the last byte of the magic number counts the dimensions


def _values(content: bytearray, path: Path, shape: tuple[int, ...]) -> Bytes:
    header = 4 + 4 * len(shape)
    expected, found = math.prod(shape), len(content) - header
    if shape[0] == 0:
        raise FileError(f"{path} says that it holds nothing (count 0); download it again.")
    if found != expected:
        dimensions = " x ".join(map(str, shape))
        raise FileError(
            f"{path} should hold {dimensions} = {expected} bytes after its header, but holds {found}; "
            "it is damaged or cut short: download it again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
