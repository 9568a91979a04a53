"""Images in an .npz file of NumPy.

Arrays ``images`` and ``labels``, if there is a test part ``test_images`` and ``test_labels``, and ``class_names`` if
the classes have names; ``train_images`` and ``train_labels`` are other names of the first two.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cgrosim.files.words import counted, shown
from cgrosim.images.data.own.found import (
    Found,
    Labels,
    Outline,
    Part,
    check_classes,
    check_counts,
    check_size,
    ordered,
    pixels,
)
from cgrosim.images.data.own.members import NpzMembers

NAMES: Final = {
    "images": "images",
    "labels": "labels",
    "train_images": "images",
    "train_labels": "labels",
    "test_images": "test_images",
    "test_labels": "test_labels",
    "class_names": "class_names",
}
PARTS: Final = (("images", "labels"), ("test_images", "test_labels"))
MOST_LABEL_BYTES: Final = 2**28
CHANNELS: Final = (1, 3)


class NpzImages:
    """An .npz file with images; of the pixels nothing is read before they are asked for.

    Raises
    ------
    FileError
        If it is none, is damaged, or its arrays are not those of a data set.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays = NpzMembers(path, NAMES)
        for name in ("images", "labels"):
            if name not in self._arrays:
                raise self._arrays.wrong(f"has no array {name}", "save it with images and labels.")
        if ("test_images" in self._arrays) != ("test_labels" in self._arrays):
            raise self._arrays.wrong("has only one of test_images and test_labels", "give both or neither.")
        for images, labels in PARTS:
            if images in self._arrays:
                self._check_images(images)
                self._check_labels(images, labels)
        count = sum(self._arrays[images].shape[0] for images, _ in PARTS if images in self._arrays)
        check_size(path, count, self._arrays["images"].shape[1:])
        names, labels_of = self._read_labels()
        check_classes(path, names)
        self.class_names = tuple(shown(name) for name in names)
        self._labels = labels_of
        train, test = labels_of["labels"], labels_of.get("test_labels")
        self._counts = check_counts(path, self.class_names, train, test)

    def outline(self) -> Outline:
        """Shape and classes."""
        height, width = self._arrays["images"].shape[1:3]
        return Outline((height, width, self._channels), self.class_names, *self._counts)

    def read(self) -> Found:
        """Everything."""
        parts = [self._part(images, self._labels[labels]) for images, labels in PARTS if images in self._arrays]
        return Found(self.path, self.class_names, parts[0], parts[1] if len(parts) > 1 else None)

    @property
    def _channels(self) -> int:
        shape = self._arrays["images"].shape
        return shape[3] if len(shape) == 4 else 1

    def _part(self, name: str, labels: Labels) -> Part:
        images = self._arrays.array(name)
        images = images.reshape(*images.shape[:3], self._channels)
        return Part(pixels(self.path, name, images), labels, lambda place: f"image {place} of {name}")

    def _check_images(self, name: str) -> None:
        shape, dtype = self._arrays[name].shape, self._arrays[name].dtype
        if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in CHANNELS) or not math.prod(shape):
            moved = len(shape) == 4 and shape[1] in CHANNELS
            remedy = (
                f"move the channels to the end, {name}.transpose(0, 2, 3, 1)."
                if moved
                else "give (n, height, width) for grey images, (n, height, width, 3) for colour."
            )
            raise self._arrays.wrong(f"has {name} of shape {shape}", remedy)
        if dtype != np.uint8 and dtype.kind != "f":
            remedy = "give uint8 from 0 to 255, or floating-point numbers in [0, 1]."
            raise self._arrays.wrong(f"has {name} of type {dtype}", remedy)
        first = self._arrays["images"].shape[1:]
        if shape[1:] != first:
            raise self._arrays.wrong(f"has images of {first} and {name} of {shape[1:]}", "give both the same shape.")

    def _check_labels(self, images: str, labels: str) -> None:
        count, member = self._arrays[images].shape[0], self._arrays[labels]
        if member.shape not in ((count,), (count, 1)):
            raise self._arrays.wrong(
                f"has {labels} of shape {member.shape} for {counted(count, 'image')}", "give one label an image."
            )
        if member.dtype.kind not in "iuU":
            remedy = "give whole numbers from 0, or names of classes."
            raise self._arrays.wrong(f"has {labels} of type {member.dtype}", remedy)
        if member.size > MOST_LABEL_BYTES:
            raise self._arrays.wrong(f"has {labels} of {member.size / 2**20:.0f} MiB", "give whole numbers from 0.")

    def _read_labels(self) -> tuple[tuple[str, ...], dict[str, Labels]]:
        """Names of the classes, and the labels of every part as numbers."""
        found = {name: self._arrays.array(name).reshape(-1) for _, name in PARTS if name in self._arrays}
        named = {name for name, values in found.items() if values.dtype.kind == "U"}
        if not named:
            return self._numbered(found)
        if named != {*found}:
            raise self._arrays.wrong("has numbers as labels in one part and names in the other", "give one of the two.")
        if "class_names" in self._arrays:
            raise self._arrays.wrong("has names as labels and class_names beside them", "leave class_names out.")
        names = ordered(np.unique(found["labels"]).tolist())
        numbers = {name: place for place, name in enumerate(names)}
        for text in found.get("test_labels", np.empty(0)).tolist():
            if text not in numbers:
                raise self._arrays.wrong(f"has no training image of class {shown(text)}", "add some, or leave it out.")
        return names, {
            part: np.array([numbers[text] for text in each.tolist()], np.int64) for part, each in found.items()
        }

    def _numbered(self, found: dict[str, NDArray[Any]]) -> tuple[tuple[str, ...], dict[str, Labels]]:
        train, test = found["labels"], found.get("test_labels")
        lowest, highest = int(train.min()), int(train.max())
        if lowest < 0 or highest >= len(train):
            raise self._arrays.wrong(f"has labels from {lowest} to {highest}", "number the classes from 0.")
        names = tuple(map(str, range(highest + 1)))
        if "class_names" in self._arrays:
            member = self._arrays["class_names"]
            if member.dtype.kind != "U" or member.shape != (highest + 1,) or member.size > MOST_LABEL_BYTES:
                raise self._arrays.wrong(
                    f"has class_names of shape {member.shape} and type {member.dtype} for labels from 0 to {highest}",
                    "give one text a class.",
                )
            names = tuple(map(str, self._arrays.array("class_names").tolist()))
        if test is not None and not (test.min() >= 0 and test.max() <= highest):
            wrong = int(test.max()) if test.max() > highest else int(test.min())
            raise self._arrays.wrong(f"has the test label {wrong}", f"the classes to train on are 0 to {highest}.")
        return names, {part: values.astype(np.int64) for part, values in found.items()}
