"""From what was found at a place to a data set: order, test part, and what must not be in both parts.

Images are put in the order of class and checksum, so that the same images are the same data set, with the same digest,
whether they came in a file or a folder and in whatever order.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError
from cgrosim.files.words import shown
from cgrosim.images.data.own.found import Found, Images, Part, put_aside

Places = NDArray[np.int64]


def divided(found: Found) -> tuple[Part, Part]:
    """Training and test part in their final order.

    Raises
    ------
    FileError
        If an image is in both parts or has two labels, or too few different ones are left to put aside.
    """
    train, sums = _sorted(found, found.train)
    if found.test is not None:
        test, others = _sorted(found, found.test)
        _refuse_shared(found, train, sums, test, others)
        return train, test
    aside = _aside(found, train, sums)
    chosen = np.zeros(len(sums), bool)
    chosen[aside] = True
    return _taken(train, np.flatnonzero(~chosen)), _taken(train, np.flatnonzero(chosen))


def checksums(images: Images) -> list[bytes]:
    """SHA-256 of the pixels of every image."""
    return [hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images]


def _sorted(found: Found, part: Part) -> tuple[Part, list[bytes]]:
    sums = checksums(part.images)
    labels = part.labels.tolist()
    first: dict[bytes, int] = {}
    for place, checksum in enumerate(sums):
        other = first.setdefault(checksum, place)
        if labels[other] != labels[place]:
            one, two = (shown(found.class_names[labels[each]]) for each in (other, place))
            raise FileError(
                f"{shown(found.place)} has one image under two classes, {part.named(other)} as {one} and "
                f"{part.named(place)} as {two}; leave one of them out."
            )
    order = sorted(range(len(sums)), key=lambda place: (labels[place], sums[place]))
    return _taken(part, np.array(order, np.int64)), [sums[place] for place in order]


def _taken(part: Part, places: Places) -> Part:
    return Part(part.images[places], part.labels[places], lambda place: part.named(int(places[place])))


def _refuse_shared(found: Found, train: Part, sums: list[bytes], test: Part, others: list[bytes]) -> None:
    where = {checksum: place for place, checksum in enumerate(sums)}
    shared = [place for place, checksum in enumerate(others) if checksum in where]
    if shared:
        one, two = train.named(where[others[shared[0]]]), test.named(shared[0])
        count = f"{len(shared)} images are" if len(shared) > 1 else "an image is"
        raise FileError(
            f"{shown(found.place)} has the same image for training and testing, {one} and {two} ({count} in both "
            "parts), which would take memorising for learning; remove it from one of them."
        )


def _aside(found: Found, train: Part, sums: list[bytes]) -> Places:
    """Of every class the fifth with the smallest checksums, among images that are there once: as good as a draw."""
    counts: dict[bytes, int] = {}
    for checksum in sums:
        counts[checksum] = counts.get(checksum, 0) + 1
    once = np.array([counts[checksum] == 1 for checksum in sums])
    chosen = []
    for label, name in enumerate(found.class_names):
        there = np.flatnonzero((train.labels == label) & once)
        if not there.size:
            raise FileError(
                f"{shown(found.place)} has no test part, and every image of class {shown(name)} is there twice, so "
                "that none can be put aside; remove the copies, or add a test part."
            )
        chosen.append(there[: put_aside(int(np.count_nonzero(train.labels == label)))])
    return np.concatenate(chosen)
