"""From the name of a data set to its bytes: the data folder, then the one `CGROSIM_DATA` names, then a download."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.words import quoted, suggested
from cgrosim.images.data.download import download_idx
from cgrosim.images.data.folders import data_root, find_idx
from cgrosim.images.data.known_files import DATASET_NAMES, IDX_SOURCES, IdxName
from cgrosim.images.data.raw_files import RawData
from cgrosim.progress import Progress

LARGEST_BYTE: Final = 255


@dataclass(frozen=True)
class DataSource:
    """What a data set is called and how it is read.

    Attributes
    ----------
    name : as `load_dataset` takes it
    class_names : one a class
    largest_pixel : that is scaled to 1
    read : takes the folder asked for (None: not asked for) and the progress of a download
    """

    name: str
    class_names: tuple[str, ...]
    largest_pixel: int
    read: Callable[[Path | None, Progress | None], RawData]


def all_sources() -> dict[str, DataSource]:
    """Every data set there is, by name, the published ones first: one a module of `cgrosim.images.data.sets`."""
    from cgrosim.images.data import sets

    modules = (importlib.import_module(f"{sets.__name__}.{each.name}") for each in pkgutil.iter_modules(sets.__path__))
    found = {module.SOURCE.name: module.SOURCE for module in modules}
    first = [name for name in DATASET_NAMES if name in found]
    return {name: found[name] for name in [*first, *sorted(set(found) - set(first))]}


def source_of(name: str) -> DataSource:
    """The data set of this name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    sources = all_sources()
    if name not in sources:
        raise ParameterError(f"there is no data set {quoted(name)}; {suggested(name, sources, 'take one of')}")
    return sources[name]


def idx_source(name: IdxName) -> DataSource:
    """A data set of four IDX files."""
    return DataSource(name, IDX_SOURCES[name].class_names, LARGEST_BYTE, partial(_read_idx, name))


def _read_idx(name: IdxName, data_dir: Path | None, progress: Progress | None) -> RawData:
    from cgrosim.images.data.idx import read_folder

    root = data_root(data_dir)
    paths = find_idx(name, root) if root is not None else None
    if paths is None and data_dir is not None:
        source = IDX_SOURCES[name]
        raise FileError(f"{data_dir} holds no {source.title}; put {source.files[0].stem}.gz and its like there.")
    return read_folder(name, paths if paths is not None else download_idx(name, progress))
