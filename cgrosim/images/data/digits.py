"""The handwritten digits that come with scikit-learn: 1797 images of 8x8 pixels, the data set that needs no network.

They are the test part of the data set of E. Alpaydin and C. Kaynak (UCI repository, 1998), pixels 0..16.
"""

from __future__ import annotations

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError
from cgrosim.images.data.raw_files import Bytes, RawData, Split

SIDE: Final = 8
LARGEST_PIXEL: Final = 16
TEST_PER_CLASS: Final = 50


def read_digits() -> RawData:
    """Return the digits, split into 1297 training and 500 test images, 50 of every class.

    The test images of a class are those whose pixels have the smallest SHA-256: as good as a random draw, and the same
    whatever the version of NumPy's generators. Both parts keep scikit-learn's order. The writers are the same in both
    parts (the images do not say who wrote which).
    """
    table = _table()
    images, labels = table[:, :-1].reshape(-1, SIDE, SIDE, 1), table[:, -1]
    test = _test_indices(images, labels)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return RawData(Split(images[train], labels[train]), Split(images[test], labels[test]))


def _test_indices(images: Bytes, labels: Bytes) -> NDArray[np.int64]:
    order = np.argsort([hashlib.sha256(image.tobytes()).hexdigest() for image in images], kind="stable")
    chosen = [order[labels[order] == label][:TEST_PER_CLASS] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def _table() -> Bytes:
    """Pixels and label of every image, one a row; the table is read where scikit-learn keeps it.

    Importing ``sklearn.datasets`` for it takes more than a second, reading it 30 ms; should a release keep it
    elsewhere, scikit-learn is asked.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise FileError("the digits come with scikit-learn, which is not installed; run 'pip install scikit-learn'.")
    try:
        with gzip.open(Path(package.origin).with_name("datasets") / "data" / "digits.csv.gz", "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.float64)
    except FileNotFoundError:
        from sklearn.datasets import load_digits

        table = np.column_stack(load_digits(return_X_y=True))
    return np.asarray(table, dtype=np.uint8)
