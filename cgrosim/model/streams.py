"""The registry of random streams: every purpose that draws from a seed has its key here, and nobody else makes one.

A stream is the sequence of one purpose. Streams of one seed are independent, and the same seed gives the same ones
whatever else is drawn. Seeds of different owners are different things (of a run, of a training on images, of a run of
the stages on images, of a check of claims), so keys are distinct within an owner. Keys never change: they are what a
seed means.
"""

from __future__ import annotations

import zlib
from enum import IntEnum, unique

import numpy as np


@unique
class RunStream(IntEnum):
    """Purposes of the seed of `Params`."""

    DATA = 0  # direction, labels, positions and noise of the training samples
    INIT = 1  # initial weights
    TEST = 2  # fresh samples
    ATTACK = 3  # random starts of an attack; on the training set with the step as place
    CORRUPTED = 4  # which samples lose their feature or have their label flipped
    BATCH = 5  # minibatches; place: the epoch, or a block of steps
    A_PRIORI = 8  # starts behind predictions that are made before anything is drawn


@unique
class TrainingStream(IntEnum):
    """Purposes of the seed of a training on images, of what is measured on it, and of the claims about it."""

    SPLIT = 0  # the validation images
    SUBSET = 1  # the training images
    LABELS = 2  # permuted labels of the control
    MEASURED = 3  # samples measured every epoch; place: the part
    INITIAL = 4  # initial weights
    EPOCH = 5  # order and random starts of an epoch; place: the epoch
    START = 6  # random starts of the attacks that measure; place: the part
    FINAL = 7  # the evaluation at the end; place: the part
    SHIFTS = 8  # how far training images are moved; place: the epoch
    FLIPS = 9  # which are mirrored; place: the epoch
    CONFIRMATION = 10  # random starts of the attacks that confirm a selection
    TABLE = 12  # test images of a table of attacks, and the attacks
    POINTS = 20  # points of the landscape; place: the part
    SEARCH = 21  # searches of the landscape; places: order, epoch, part
    BOOTSTRAP = 22  # resampling of the landscape; places: quantity and the rest
    CLAIM_POOL = 31  # images a claim trains on
    CLAIM_TEST = 32  # images a claim tests on
    CLAIM_JUDGED = 33  # attacks that judge a claim; place: the part
    CLAIM_LANDSCAPE = 34  # searches of the landscape claim; place: the part
    CLAIM_FLATNESS = 35  # searches of the flatness claim; place: the part


@unique
class StagesStream(IntEnum):
    """Purposes of the seed of a run of the stages on images."""

    SUBSET = 0  # training images
    TEST_SUBSET = 1  # test images
    INITIAL = 2  # initial weights
    START = 3  # random starts of the attack that trains; place: the step
    EVALUATION = 7  # attacks that measure; place: the part
    CHECKS = 8  # self-checks of the command


OWNERS: tuple[type[IntEnum], ...] = (RunStream, TrainingStream, StagesStream)
DRAWS = 2**32 - 1  # place of the draws of a name that are not simulations, beyond any number of replicates


def stream(seed: int, *key: int) -> np.random.Generator:
    """The generator of one purpose: a member of the seed's owner, then places (of an epoch, a part, a step).

    Without a purpose it is the stream of a seed that serves a single one.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(int(part) for part in key)))


def named_seeds(seed: int, name: str, count: int) -> list[int]:
    """Independent seeds below 2^63 for the replicates of one name, the same ones every time."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_key_of(name),))
    return [int(child.generate_state(1, np.uint64)[0] >> 1) for child in sequence.spawn(count)]


def named_generator(seed: int, name: str) -> np.random.Generator:
    """The generator for what one name draws beside its replicates; its key is that of none of them."""
    return stream(seed, _key_of(name), DRAWS)


def replicate_seeds(seed: int, count: int) -> list[int]:
    """Independent seeds below 2^32 for the replicates of a script, the same ones every time."""
    children = np.random.SeedSequence(seed).spawn(count)
    return [int(child.generate_state(1, np.uint32)[0]) for child in children]


def _key_of(name: str) -> int:
    return zlib.crc32(name.encode())
