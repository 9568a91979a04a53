"""The data sets of the experiments as arrays, and class-balanced draws from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked, checked_class
from cgrosim.errors import ParameterError
from cgrosim.files.digest import content_digest
from cgrosim.files.words import shown
from cgrosim.images.data.own.load import read_own
from cgrosim.images.data.own.place import own_place
from cgrosim.images.data.raw_files import Bytes, Split
from cgrosim.images.data.sources import source_of
from cgrosim.progress import Progress

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


@checked_class
@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images of one data set.

    Attributes
    ----------
    name : as `load_dataset` takes it
    train_images, test_images : (n, height, width, channels) float32 arrays, pixels in [0, 1]
    train_labels, test_labels : (n,) int64 arrays, classes from 0
    class_names : one a class

    Raises
    ------
    ParameterError
        If the arrays do not fit together or hold other values.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        for part, images, labels in (
            ("training", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            _check_part(f"the {part} part of {self.name}", images, labels, len(self.class_names))
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ParameterError(
                f"{self.name} has training images of shape {self.train_images.shape[1:]} and test images of shape "
                f"{self.test_images.shape[1:]}; give both the same shape."
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image."""
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @cached_property
    def digest(self) -> str:
        """Of all images and labels: what a file says it was computed from."""
        names = ("train_images", "train_labels", "test_images", "test_labels")
        return content_digest({}, {name: getattr(self, name) for name in names})

    @checked
    def subset(self, train_count: int | None, test_count: int | None, generator: np.random.Generator) -> Dataset:
        """Return a class-balanced draw of training and test images; None keeps them all.

        The two draws are independent, so that the test images do not depend on the number of training images.

        Raises
        ------
        ParameterError
            If there are not enough images.
        """
        train_generator, test_generator = generator.spawn(2)
        train = _draw(self.train_labels, train_count, train_generator)
        test = _draw(self.test_labels, test_count, test_generator)
        return replace(
            self,
            train_images=self.train_images[train],
            train_labels=self.train_labels[train],
            test_images=self.test_images[test],
            test_labels=self.test_labels[test],
        )


@checked
def load_dataset(
    name: str | Path,
    data_dir: str | Path | None = None,
    *,
    train_count: int | None = None,
    test_count: int | None = None,
    generator: np.random.Generator | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Return a data set by name.

    `digits` comes with scikit-learn. The others are looked for in `data_dir`, then in the folder that the environment
    variable ``CGROSIM_DATA`` names (in a folder named after the data set or in the folder itself), and are else
    downloaded into the user's cache. A folder that is given must hold the data set; files are parsed, never unpickled.

    Images of one's own are named by their path. An .npz file holds ``images`` (n, height, width) or (n, height, width,
    3), uint8 or floating-point numbers in [0, 1], and ``labels`` (n,), whole numbers from 0 or names; a test part is
    ``test_images`` and ``test_labels``, and ``class_names`` may name the classes. A folder holds one folder of PNG or
    JPEG images a class, or such folders below ``train`` and ``test``. Without a test part a fifth of every class, those
    with the smallest checksums, is put aside. The images are in the order of class and checksum, so that the same
    images are the same data set wherever they come from.

    Parameters
    ----------
    name : "digits", "mnist", "fashion-mnist" or "cifar-10", another module of `cgrosim.images.data.sets`, or the path
        of an .npz file or of a folder
    data_dir : folder with the files of a known data set; "digits" and images of one's own take none
    train_count, test_count, generator : draw a subset as `Dataset.subset` does, before the pixels become float32
    progress : called with a text and the share done while something is downloaded

    Raises
    ------
    ParameterError
        If there is no data set of this name, or a subset cannot be drawn.
    FileError
        If files are missing, damaged, cut short, mislabelled or of another format, or cannot be downloaded.
    """
    if generator is None and (train_count, test_count) != (None, None):
        raise ParameterError("a subset is drawn at random; give the generator that draws it.")
    place = own_place(name := str(name))
    if place is not None:
        if data_dir is not None:
            raise ParameterError(f"{shown(name)} is read from its own place; leave {shown(data_dir)} out.")
        own, other, class_names = read_own(place, progress)
        dataset = Dataset(name, own.images, own.labels, other.images, other.labels, class_names)
        return dataset if generator is None else dataset.subset(train_count, test_count, generator)
    source = source_of(name)
    raw = source.read(None if data_dir is None else Path(data_dir), progress)
    train, test = raw.train, raw.test
    if generator is not None:
        train_generator, test_generator = generator.spawn(2)
        train = _part(train, _draw(train.labels, train_count, train_generator))
        test = _part(test, _draw(test.labels, test_count, test_generator))
    return Dataset(
        name,
        _scaled(train.images, source.largest_pixel),
        train.labels.astype(np.int64),
        _scaled(test.images, source.largest_pixel),
        test.labels.astype(np.int64),
        source.class_names,
    )


def balanced_subset(labels: NDArray[np.integer], count: int, generator: np.random.Generator) -> Labels:
    """Draw `count` positions with the same number of every class, up to one; which classes get one more is drawn.

    With generators of the same seed, a smaller draw is contained in a larger one.

    Parameters
    ----------
    labels : (n,) array
    count : number of positions
    generator : makes the draw

    Returns
    -------
    (count,) int64 array of positions in ascending order

    Raises
    ------
    ParameterError
        If `count` is no positive whole number, or a class has too few members.
    """
    _check_count(count, "the size of a subset")
    classes, sizes = np.unique(labels, return_counts=True)
    largest = int(classes.size * sizes.min() + np.count_nonzero(sizes > sizes.min())) if sizes.size else 0
    if count > largest:
        raise ParameterError(
            f"{count} images with the same number of every class cannot be drawn from {len(labels)}; "
            f"take at most {largest}, or all of them."
        )
    # Everything is drawn before `count` is used, so that the draws of one seed are nested.
    members = [generator.permutation(np.flatnonzero(labels == label)) for label in classes]
    rank = generator.permutation(classes.size)
    share, extra = divmod(int(count), classes.size)
    favoured = set(rank[sizes[rank] > share][:extra].tolist())
    taken = [each[: share + (index in favoured)] for index, each in enumerate(members)]
    return np.sort(np.concatenate(taken)).astype(np.int64)


def split_validation(dataset: Dataset, count: int, generator: np.random.Generator) -> tuple[Dataset, Images, Labels]:
    """Take a class-balanced draw of `count` images out of the training part; 0 takes none.

    Returns
    -------
    the data set without them, the (count, height, width, channels) images and their (count,) labels

    Raises
    ------
    ParameterError
        If there are not enough images, or no training image would be left.
    """
    if count == 0:
        return dataset, dataset.train_images[:0], dataset.train_labels[:0]
    chosen = balanced_subset(dataset.train_labels, count, generator)
    if chosen.size == len(dataset.train_labels):
        raise ParameterError(f"a validation part of {count} leaves no training image of {dataset.name}; take fewer.")
    kept = np.setdiff1d(np.arange(len(dataset.train_labels)), chosen)
    images, labels = dataset.train_images, dataset.train_labels
    rest = replace(dataset, train_images=images[kept], train_labels=labels[kept])
    return rest, images[chosen], labels[chosen]


def _scaled(images: Bytes, largest: int) -> Images:
    return np.divide(images, np.float32(largest), dtype=np.float32)


def _part(split: Split, chosen: Labels) -> Split:
    return Split(split.images[chosen], split.labels[chosen])


def _draw(labels: NDArray[np.integer], count: int | None, generator: np.random.Generator) -> Labels:
    return np.arange(len(labels)) if count is None else balanced_subset(labels, count, generator)


def _check_count(count: int, what: str) -> None:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise ParameterError(f"{what} is {count!r}; give a whole number of at least 1.")


def _check_part(what: str, images: Images, labels: Labels, classes: int) -> None:
    if images.ndim != 4 or images.dtype != np.float32 or not images.size:
        raise ParameterError(
            f"{what} has images of shape {images.shape} and type {images.dtype}; "
            "give float32 of shape (n, height, width, channels)."
        )
    if labels.shape != (len(images),) or labels.dtype != np.int64:
        raise ParameterError(
            f"{what} has labels of shape {labels.shape} and type {labels.dtype}; give {len(images)} int64 labels."
        )
    if not (images.min() >= 0.0 and images.max() <= 1.0):  # in this form it refuses nan as well
        raise ParameterError(f"{what} has pixels outside [0, 1]; scale them.")
    if not (labels.min() >= 0 and labels.max() < classes):
        raise ParameterError(f"{what} has labels outside 0 to {classes - 1}; give one class name a label.")
