"""What a place of images holds before it is a data set, and what any such place must keep to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError
from cgrosim.files.memory import memory_bytes
from cgrosim.files.words import counted, shown

LARGEST_BYTE: Final = 255
MOST_PIXEL_BYTES: Final = 2**32  # of all images as float32: 50 times MNIST
SHARE_OF_MEMORY: Final = 4  # images, what they are read from, and a training stand beside one another
LEAST_TRAINING: Final = 2  # images a class: one to train on, one to put aside for validation
LEAST_UNDIVIDED: Final = 5  # images a class where a fifth of them becomes the test part

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Shape = tuple[int, int, int]
Counts = tuple[tuple[int, ...], tuple[int, ...]]  # by class, training and test


@dataclass(frozen=True)
class Part:
    """Training or test part as it was found.

    Attributes
    ----------
    images : (n, height, width, channels), pixels in [0, 1]
    labels : (n,), classes from 0
    named : what to call an image in a sentence, by its place
    """

    images: Images
    labels: Labels
    named: Callable[[int], str]


@dataclass(frozen=True)
class Found:
    """Everything at a place; without a test part one is put aside."""

    place: Path
    class_names: tuple[str, ...]
    train: Part
    test: Part | None


@dataclass(frozen=True)
class Outline:
    """What can be said of images before their pixels are read.

    Attributes
    ----------
    input_shape : (height, width, channels)
    class_names : one a class
    train_counts : training images of every class, once a test part is put aside
    test_counts : test images of every class; copies among the images may make them training images instead
    """

    input_shape: Shape
    class_names: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]


def put_aside(count: int) -> int:
    """How many of a class's images become test images where there is no test part: a fifth."""
    return max(1, round(count / 5))


def ordered(names: Sequence[str]) -> tuple[str, ...]:
    """Names of classes in their order: as numbers where all of them are, else by letters."""
    numbers = all(name.isascii() and name.isdecimal() for name in names)
    return tuple(sorted(names, key=(lambda name: (int(name), name)) if numbers else None))


def check_classes(place: Path, names: Sequence[str]) -> None:
    """Refuse fewer than two classes.

    Raises
    ------
    FileError
        In one sentence.
    """
    if len(names) < 2:
        told = f"only the class {shown(names[0])}" if names else "no class"
        raise FileError(f"{shown(place)} holds {told}, but a network tells at least 2 apart; add images of another.")


def check_counts(place: Path, names: Sequence[str], train: Labels, test: Labels | None) -> Counts:
    """Refuse a class with too few images; training and test images of every class, once a test part is put aside.

    Raises
    ------
    FileError
        Naming the class.
    """
    found = np.bincount(train, minlength=len(names)).tolist()
    for name, count in zip(names, found, strict=True):
        if test is None and count < LEAST_UNDIVIDED:
            raise FileError(
                f"{shown(place)} has no test part and {counted(count, 'image')} of class {shown(name)}, but a fifth "
                f"of every class is put aside as test images, which takes at least {LEAST_UNDIVIDED}; add images, or "
                "a test part."
            )
        if count < LEAST_TRAINING:
            raise FileError(
                f"{shown(place)} has {counted(count, 'image')} of class {shown(name)} to train on, but each class "
                f"needs at least {LEAST_TRAINING}; add images, or leave the class out."
            )
    if test is None:
        aside = tuple(put_aside(count) for count in found)
        return tuple(count - taken for count, taken in zip(found, aside, strict=True)), aside
    tested = np.bincount(test, minlength=len(names)).tolist()
    for name, count in zip(names, tested, strict=True):
        if not count:
            raise FileError(f"{shown(place)} has no test image of class {shown(name)}; add some, or leave it out.")
    return tuple(found), tuple(tested)


def check_size(place: Path, count: int, shape: Sequence[int]) -> None:
    """Refuse more pixels than fit, before any are read: what is small in a file may be huge when it is unpacked.

    Raises
    ------
    FileError
        With what it takes and what there is.
    """
    size, most = 4 * count * math.prod(shape), min(MOST_PIXEL_BYTES, memory_bytes() // SHARE_OF_MEMORY)
    if size > most:
        raise FileError(
            f"{shown(place)} holds {count} images of {' x '.join(map(str, shape))}, which take {size / 2**30:.3g} GiB "
            f"as float32, but at most {most / 2**30:.3g} GiB are read here; give fewer or smaller images."
        )


def pixels(place: Path, what: str, images: NDArray[np.generic]) -> Images:
    """Pixels as float32 in [0, 1]: bytes divided by 255, numbers as they are.

    Raises
    ------
    FileError
        If a number lies outside [0, 1] or is none; naming the image.
    """
    if images.dtype == np.uint8:
        return np.divide(images, np.float32(LARGEST_BYTE), dtype=np.float32)
    flat = images.reshape(len(images), -1)
    wrong = np.flatnonzero(~((flat.min(axis=1) >= 0.0) & (flat.max(axis=1) <= 1.0)))  # in this form nan is wrong, too
    if wrong.size:
        values = flat[wrong[0]]
        value = values[~((values >= 0.0) & (values <= 1.0))][0]
        remedy = "divide them by 255, or save them as uint8" if 1.0 < value <= LARGEST_BYTE else "scale them"
        raise FileError(
            f"{shown(place)} has the pixel {value:g} in image {wrong[0]} of {what}, but numbers must lie in [0, 1]; "
            f"{remedy}."
        )
    return images.astype(np.float32) + np.float32(0.0)  # a zero has one sign, so that equal images have equal bytes
