"""Random ReLU networks and labelled samples for the tests of the representation results."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from cgrosim.theory.balls import Norm, separation
from cgrosim.theory.relu_network import ReluNetwork


def random_network(seed: int, inputs: int, hidden: tuple[int, ...], outputs: int = 1) -> ReluNetwork:
    rng = np.random.default_rng(seed)
    sizes = (inputs, *hidden, outputs)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return ReluNetwork(weights, [rng.normal(size=b) for b in sizes[1:]])


def plain(network: ReluNetwork, points: np.ndarray) -> np.ndarray:
    """The network written out with dense arrays, independently of the code under test."""
    values = points
    for index, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        values = values if index == 0 else np.maximum(values, 0)
        values = values @ weight.toarray().T + bias
    return values


class Case(NamedTuple):
    clean: ReluNetwork
    samples: np.ndarray
    labels: np.ndarray
    radius: float
    norm: Norm


@st.composite
def cgro_cases(draw: st.DrawFn, norms: tuple[Norm, ...] = ("linf", "l2")) -> Case:
    """Samples on a lattice or in general position, radius any share of half the separation, several classes or two."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    dimension, count = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    outputs = draw(st.sampled_from([1, 1, 2, 3]))
    hidden = draw(st.sampled_from([(), (3,), (4, 3), (3, 3, 3), (2, 2, 2, 2, 2)]))
    norm = draw(st.sampled_from(norms))
    scale = draw(st.sampled_from([1e-3, 1.0, 100.0]))
    if draw(st.booleans()):
        samples = rng.integers(0, 4, (count, dimension)) / 255.0  # many equal distances, duplicates, zeros
    else:
        samples = rng.normal(size=(count, dimension))
    labels = rng.integers(0, outputs, count) if outputs > 1 else rng.choice([-1, 1], count)
    _, first = np.unique(samples, axis=0, return_inverse=True)
    labels = labels[np.array([np.flatnonzero(first == group)[0] for group in first])]  # equal samples, equal labels
    distance = separation(samples, labels, norm).distance
    distance = distance if np.isfinite(distance) else 1.0
    share = draw(st.sampled_from([1e-3, 0.3, 0.9, 1 - 1e-4]))
    clean = random_network(seed % 1000, dimension, hidden, outputs)
    return Case(clean, scale * samples, labels, 0.5 * share * scale * distance, norm)
