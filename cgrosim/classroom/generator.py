"""The seeded generator of the classroom page in Python: the same bits as ``web/generator.js``.

xoshiro128** (Blackman and Vigna, 2018) seeded by splitmix32. Only whole numbers and the operations + - * / and sqrt
are used, which IEEE 754 rounds alike in every language; the logarithm is our own for that reason. It serves to repeat
a pupil's run and nothing else: `cgrosim.model.streams` draws everything that is not from a page.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem

Array = NDArray[np.float64]

WORD = 0xFFFFFFFF
LARGEST_SEED = 2**53 - 1


class Purpose(IntEnum):
    """What is drawn: every purpose has a sequence of its own."""

    DATA = 0
    WEIGHTS = 1
    FRESH = 2


class Generator:
    """One sequence of a page's seed.

    Parameters
    ----------
    seed : whole, from 0 to 2^53 - 1, the largest whole number a page can hold
    purpose : what is drawn
    """

    def __init__(self, seed: int, purpose: Purpose) -> None:
        state = (seed & WORD) ^ ((seed >> 32) * 0x9E3779B9 & WORD) ^ (int(purpose) * 0x85EBCA6B & WORD)
        self._words = []
        for _ in range(4):
            state = (state + 0x9E3779B9) & WORD
            z = ((state ^ (state >> 16)) * 0x21F0AAAD) & WORD
            z = ((z ^ (z >> 15)) * 0x735A2D97) & WORD
            self._words.append(z ^ (z >> 15))
        self._spare: float | None = None

    def bits(self) -> int:
        """32 random bits."""
        w = self._words
        result = (_rotated((w[1] * 5) & WORD, 7) * 9) & WORD
        shifted = (w[1] << 9) & WORD
        w[2] ^= w[0]
        w[3] ^= w[1]
        w[1] ^= w[2]
        w[0] ^= w[3]
        w[2] ^= shifted
        w[3] = _rotated(w[3], 11)
        return result

    def uniform(self) -> float:
        """A number in [0, 1) with 53 random bits."""
        high, low = self.bits() >> 5, self.bits() >> 6
        return (high * 67108864 + low) / 9007199254740992

    def normal(self) -> float:
        """A standard normal number, by the polar method of Marsaglia and Bray (1964)."""
        if self._spare is not None:
            kept, self._spare = self._spare, None
            return kept
        while True:
            x, y = 2 * self.uniform() - 1, 2 * self.uniform() - 1
            square = x * x + y * y
            if 0 < square < 1:
                factor = math.sqrt((-2 * logarithm(square)) / square)
                self._spare = y * factor
                return x * factor

    def chi_square(self, degrees: float) -> float:
        """Chi square with at least 2 degrees of freedom: twice a gamma, by Marsaglia and Tsang (2000)."""
        d = degrees / 2 - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            x = self.normal()
            root = 1 + c * x
            v = root * root * root
            if root <= 0:
                continue
            u = self.uniform()
            if u > 0 and logarithm(u) < 0.5 * x * x + d - d * v + d * logarithm(v):
                return 2 * d * v


def _rotated(x: int, places: int) -> int:
    return ((x << places) | (x >> (32 - places))) & WORD


def logarithm(x: float) -> float:
    """log(x) of a positive number with + - * / alone: x = 2^e r, log r = 2 artanh((r - 1) / (r + 1))."""
    exponent = 0
    while x < 0.7071067811865476:
        x *= 2
        exponent -= 1
    while x > 1.4142135623730951:
        x /= 2
        exponent += 1
    t = (x - 1) / (x + 1)
    square, total = t * t, 0.0
    for k in range(23, 0, -2):
        total = total * square + 1 / k
    return exponent * 0.6931471805599453 + 2 * t * total


def bartlett(size: int, degrees: int, generator: Generator) -> Array:
    """Lower-triangular L (size, size) with L L^T ~ Wishart(degrees), drawn row by row."""
    factor = np.zeros((size, size))
    for i in range(size):
        for j in range(i):
            factor[i, j] = generator.normal()
        factor[i, i] = math.sqrt(generator.chi_square(degrees - i))
    return factor


def draw_start(params: Params) -> ClosedSystem:
    """The start that a page draws from these parameters, bit for bit; see `cgrosim.model.sampling` for its law.

    Of the labels the first ``label_noise * samples`` are flipped: samples are exchangeable.
    """
    rows, m = params.noise_patches, params.neurons
    data, initial = Generator(params.seed, Purpose.DATA), Generator(params.seed, Purpose.WEIGHTS)
    labels = np.array([-1.0 if data.uniform() < 0.5 else 1.0 for _ in range(params.samples)])
    factor = bartlett(rows, params.dimension - 1, data)
    signal = np.array([params.init_std * initial.normal() for _ in range(m)])
    normal = np.array([initial.normal() for _ in range(rows * m)]).reshape(rows, m)
    rest = bartlett(m, params.dimension - 1 - rows, initial)
    inside, outside = _ordered(normal.T, normal.T), _ordered(rest, rest)
    flips = math.floor(params.label_noise * params.samples + 0.5)
    features = np.where(np.arange(params.samples) < flips, -1.0, 1.0)
    return ClosedSystem(
        labels=labels * features,
        features=features if flips else None,
        signal=signal,
        noise=params.init_std * params.noise_std * _ordered(factor, normal.T),
        gram=params.noise_std * params.noise_std * _ordered(factor, factor),
        weight_gram=params.init_std * params.init_std * (inside + outside),
        second_layer=np.ones(m),
    )


def _ordered(rows: Array, others: Array) -> Array:
    """``rows @ others.T`` with every sum in the order of the columns, as the page's loops add."""
    total = np.zeros((len(rows), len(others)))
    for left, right in zip(rows.T, others.T, strict=True):
        total += left[:, None] * right[None, :]
    return total
