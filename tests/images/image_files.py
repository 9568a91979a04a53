"""Small files in the formats of the data sets, for the tests that read them."""

import gzip
from pathlib import Path

import numpy as np

from cgrosim.images.data.known_files import IDX_SOURCES

IDX_STEMS = tuple(file.stem for file in IDX_SOURCES["mnist"].files)


def idx_bytes(array):
    """An array of bytes in IDX format."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def cifar_bytes(images, labels):
    """Images (n, 32, 32, 3) and labels (n,) as records of CIFAR-10."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.column_stack([labels, planes]).astype(np.uint8).tobytes()


def some_images(count, shape=(28, 28), seed=0):
    """Random bytes, (count, *shape)."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def some_labels(count):
    """0, 1, ..., 9, 0, 1, ..."""
    return np.arange(count, dtype=np.uint8) % 10


def write_idx_folder(folder: Path, train=30, test=20, packed=True, seed=0):
    """The four files of a small data set in IDX format; returns their bytes before packing, by stem."""
    arrays = (some_images(train, seed=seed), some_labels(train), some_images(test, seed=seed + 1), some_labels(test))
    contents = dict(zip(IDX_STEMS, map(idx_bytes, arrays), strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in contents.items():
        (folder / (f"{stem}.gz" if packed else stem)).write_bytes(
            gzip.compress(content, mtime=0) if packed else content
        )
    return contents


def cifar_batches(names, count=10):
    """Records of CIFAR-10 for every name, all different."""
    return {
        name: cifar_bytes(some_images(count, (32, 32, 3), seed), some_labels(count)) for seed, name in enumerate(names)
    }
