"""CIFAR-10 in the binary version."""

from __future__ import annotations

from pathlib import Path

from cgrosim.errors import FileError
from cgrosim.images.data.download import download_cifar
from cgrosim.images.data.folders import data_root, find_cifar
from cgrosim.images.data.known_files import CIFAR_ARCHIVE, CIFAR_CLASSES
from cgrosim.images.data.raw_files import RawData
from cgrosim.images.data.sources import LARGEST_BYTE, DataSource
from cgrosim.progress import Progress


def _read(data_dir: Path | None, progress: Progress | None) -> RawData:
    from cgrosim.images.data.cifar import read_archive, read_files

    root = data_root(data_dir)
    files = find_cifar(root) if root is not None else None
    if files is None and data_dir is not None:
        raise FileError(f"{data_dir} holds no CIFAR-10 in the binary version; put {CIFAR_ARCHIVE} there.")
    if files is not None and files.test is not None:
        return read_files(files.training, files.test)
    archive = files.archive if files is not None else None
    return read_archive(archive if archive is not None else download_cifar(progress))


SOURCE = DataSource("cifar-10", CIFAR_CLASSES, LARGEST_BYTE, _read)
