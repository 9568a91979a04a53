"""From the name of a data set to its bytes: the data folder, then the one `CGROSIM_DATA` names, then a download."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cgrosim.errors import FileError, ParameterError
from cgrosim.images.data.download import Progress, download_cifar, download_idx
from cgrosim.images.data.folders import data_root, find_cifar, find_idx
from cgrosim.images.data.known_files import CIFAR_ARCHIVE, CIFAR_CLASSES, DATASET_NAMES, IDX_SOURCES, IdxName
from cgrosim.images.data.raw_files import RawData

_LARGEST_BYTE: Final = 255


def read_raw(name: str, data_dir: Path | None, progress: Progress | None) -> tuple[RawData, tuple[str, ...], int]:
    """Return the bytes of a data set, its class names and its largest pixel.

    Raises
    ------
    ParameterError
        If there is no data set of this name.
    FileError
        As `cgrosim.images.data.datasets.load_dataset`.
    """
    if name == "digits":
        from cgrosim.images.data.digits import LARGEST_PIXEL, read_digits

        return read_digits(), tuple("0123456789"), LARGEST_PIXEL
    for idx_name, source in IDX_SOURCES.items():
        if name == idx_name:
            return _read_idx(idx_name, data_dir, progress), source.class_names, _LARGEST_BYTE
    if name == "cifar-10":
        return _read_cifar(data_dir, progress), CIFAR_CLASSES, _LARGEST_BYTE
    raise ParameterError(f"there is no data set {name!r}; take one of {', '.join(DATASET_NAMES)}.")


def _read_idx(name: IdxName, data_dir: Path | None, progress: Progress | None) -> RawData:
    from cgrosim.images.data.idx import read_folder

    root = data_root(data_dir)
    paths = find_idx(name, root) if root is not None else None
    if paths is None and data_dir is not None:
        source = IDX_SOURCES[name]
        raise FileError(f"{data_dir} holds no {source.title}; put {source.files[0].stem}.gz and its like there.")
    return read_folder(name, paths if paths is not None else download_idx(name, progress))


def _read_cifar(data_dir: Path | None, progress: Progress | None) -> RawData:
    from cgrosim.images.data.cifar import read_archive, read_files

    root = data_root(data_dir)
    files = find_cifar(root) if root is not None else None
    if files is None and data_dir is not None:
        raise FileError(f"{data_dir} holds no CIFAR-10 in the binary version; put {CIFAR_ARCHIVE} there.")
    if files is not None and files.test is not None:
        return read_files(files.training, files.test)
    archive = files.archive if files is not None else None
    return read_archive(archive if archive is not None else download_cifar(progress))
