"""Small images of one's own in an .npz file and in a folder, for the tests that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def some_images(count: int = 20, shape: tuple[int, ...] = (6, 5), classes: int = 2, seed: int = 0) -> Any:
    """Random bytes, no two images alike, and labels in turn."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
    return images, np.arange(count) % classes


def striped_images(count: int = 60, side: int = 8, seed: int = 0) -> Any:
    """Two classes that a network can tell apart: stripes across and down, with noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = generator.integers(0, 90, (count, side, side), dtype=np.uint8)
    images[labels == 0, ::2] += 150
    images[labels == 1, :, ::2] += 150
    return images, labels


def write_folder(place: Path, images: Any, labels: Any, names: Any = None, kind: str = "png") -> Path:
    """One folder a class."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = place / (str(label) if names is None else names[label])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(folder / f"{number:03d}.{kind}")
    return place
