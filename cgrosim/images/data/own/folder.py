"""Images in a folder: one folder a class, of PNG or JPEG; or such folders below ``train`` and ``test``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError
from cgrosim.files.words import shown
from cgrosim.images.data.own.found import (
    Found,
    Labels,
    Outline,
    Part,
    Shape,
    check_classes,
    check_counts,
    check_size,
    ordered,
    pixels,
)
from cgrosim.progress import Progress

FORMATS: Final = ("PNG", "JPEG")
SUFFIXES: Final = (".png", ".jpg", ".jpeg")
PARTS: Final = ("train", "test")
CHANNELS: Final = {"L": 1, "1": 1, "RGB": 3, "P": 3}  # by Pillow's modes
IGNORED: Final = ("thumbs.db", "desktop.ini")  # what file managers leave
EVERY: Final = 50  # images between two words of progress
ORIENTATION: Final = 0x0112  # of EXIF
TURNED: Final = (5, 6, 7, 8)  # by a quarter


@dataclass(frozen=True)
class Listed:
    """The files of one part and the class of each."""

    files: tuple[Path, ...]
    labels: Labels

    def named(self, place: int) -> str:
        """The path of an image."""
        return shown(self.files[place])


class FolderImages:
    """A folder with one folder a class.

    Raises
    ------
    FileError
        If it holds anything else, or its first image is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        folders = self._folders(path)
        divided = {*folders} == {*PARTS} and all(self._folders(folders[part]) for part in PARTS)
        parts = {part: self._folders(folders[part]) for part in PARTS} if divided else {"train": folders}
        names = ordered([*parts["train"]])
        check_classes(path, names)
        for name in parts.get("test", {}):
            if name not in parts["train"]:
                raise FileError(
                    f"{shown(path)} has the class {shown(name)} in test only; add training images, or leave it out."
                )
        self.class_names = tuple(shown(name) for name in names)
        self._parts = {part: self._listed(names, found) for part, found in parts.items()}
        test = self._parts["test"].labels if divided else None
        self._counts = check_counts(path, self.class_names, self._parts["train"].labels, test)
        self._shape = self._shape_of(self._parts["train"].files[0])
        check_size(path, sum(len(each.files) for each in self._parts.values()), self._shape)

    def outline(self) -> Outline:
        """Shape and classes."""
        return Outline(self._shape, self.class_names, *self._counts)

    def read(self, progress: Progress | None = None) -> Found:
        """Everything."""
        count, done, parts = sum(len(each.files) for each in self._parts.values()), 0, {}
        for name, listed in self._parts.items():
            images = np.empty((len(listed.files), *self._shape), np.uint8)
            for place, file in enumerate(listed.files):
                images[place] = self._pixels(file)
                done += 1
                if progress is not None and done % EVERY == 0:
                    progress(f"reading {count} images", done / count)
            parts[name] = Part(pixels(self.path, name, images), listed.labels, listed.named)
        return Found(self.path, self.class_names, parts["train"], parts.get("test"))

    def _folders(self, path: Path) -> dict[str, Path]:
        """The folders in a folder, by name; no files beside them."""
        found = {}
        for entry in self._entries(path):
            if not entry.is_dir():
                raise FileError(
                    f"{shown(path)} holds the file {shown(entry.name)} beside the folders of the classes; put every "
                    "image into the folder of its class, and everything else elsewhere."
                )
            found[entry.name] = Path(entry.path)
        return found

    def _listed(self, names: tuple[str, ...], folders: dict[str, Path]) -> Listed:
        files: list[Path] = []
        labels: list[int] = []
        for label, name in enumerate(names):
            for entry in self._entries(folders[name]) if name in folders else ():
                if entry.is_dir() or not entry.name.lower().endswith(SUFFIXES):
                    raise FileError(
                        f"{shown(entry.path)} is no PNG or JPEG image ({', '.join(SUFFIXES)}); put only images into "
                        "the folder of a class."
                    )
                files.append(Path(entry.path))
                labels.append(label)
        return Listed(tuple(files), np.array(labels, np.int64))

    @staticmethod
    def _entries(path: Path) -> list[os.DirEntry[str]]:
        """What a folder holds, by name, without what is hidden."""
        try:
            with os.scandir(path) as entries:
                kept = [each for each in entries if each.name[:1] != "." and each.name.lower() not in IGNORED]
        except OSError as error:
            raise FileError(f"{shown(path)} cannot be read ({error.strerror}); make it readable.") from None
        return sorted(kept, key=lambda entry: entry.name)

    def _shape_of(self, file: Path) -> Shape:
        """Height, width and channels of an image; only the beginning of the file is read."""
        with _opened(file) as image:
            channels = _channels(file, image)
            height, width = image.size[::-1]
            turned = image.format == "JPEG" and image.getexif().get(ORIENTATION) in TURNED
            return (width, height, channels) if turned else (height, width, channels)

    def _pixels(self, file: Path) -> NDArray[np.uint8]:
        found = self._shape_of(file)
        if found != self._shape:
            raise FileError(
                f"{shown(file)} is {_told(found)}, but the first image of {shown(self.path)} is "
                f"{_told(self._shape)}; give all images one size and one kind."
            )
        from PIL import ImageOps

        with _opened(file) as image:
            upright = ImageOps.exif_transpose(image) if image.format == "JPEG" else image
            values = np.asarray(upright.convert("RGB" if found[2] == 3 else "L"), np.uint8)
        return values.reshape(found)


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """An image of Pillow; whatever that raises over a damaged or huge one becomes a sentence."""
    from PIL import Image

    try:
        with Image.open(file, formats=FORMATS) as image:
            yield image
    except FileError:
        raise
    except Exception as error:
        reason = shown(error) if getattr(error, "strerror", None) is None else error.strerror  # type: ignore[attr-defined]
        raise FileError(f"{shown(file)} is no PNG or JPEG image, or a damaged one ({reason}); save it again.") from None


def _channels(file: Path, image: Any) -> int:
    if image.mode not in CHANNELS or "transparency" in image.info:
        raise FileError(
            f"{shown(file)} has pixels of the kind {image.mode}"
            f"{' with transparency' if 'transparency' in image.info else ''}; save it as grey or colour, 8 bits a "
            "channel, without transparency."
        )
    return CHANNELS[image.mode]


def _told(shape: Shape) -> str:
    return f"{'grey' if shape[2] == 1 else 'in colour'}, {shape[1]} x {shape[0]} pixels"
