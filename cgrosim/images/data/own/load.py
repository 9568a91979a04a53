"""Images of one's own: their outline without reading the pixels, or training and test part."""

from __future__ import annotations

from pathlib import Path

from cgrosim.images.data.own.assembly import divided
from cgrosim.images.data.own.folder import FolderImages
from cgrosim.images.data.own.found import Outline, Part
from cgrosim.images.data.own.npz import NpzImages
from cgrosim.images.data.own.place import own_place, require_place
from cgrosim.images.data.sources import source_of
from cgrosim.progress import Progress


def outline_of(path: Path) -> Outline:
    """Shape and classes of the images at a place.

    Raises
    ------
    FileError
        If there are none, or they are not as they must be, as far as that can be told without reading pixels.
    """
    return (FolderImages(path) if require_place(path) else NpzImages(path)).outline()


def class_names_of(name: str) -> tuple[str, ...]:
    """The classes of a known data set, or of images of one's own.

    Raises
    ------
    UserError
        If there is neither of this name.
    """
    place = own_place(name)
    return source_of(name).class_names if place is None else outline_of(place).class_names


def read_own(path: Path, progress: Progress | None = None) -> tuple[Part, Part, tuple[str, ...]]:
    """Training part, test part and names of the classes at a place.

    Raises
    ------
    FileError
        If there are none, or they are not as they must be.
    """
    found = FolderImages(path).read(progress) if require_place(path) else NpzImages(path).read()
    return *divided(found), found.class_names
