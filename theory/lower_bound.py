"""Robust classification needs exponentially many parameters, memorising the training balls does not.

The hard distribution (a self-contained version, derived here, of arXiv 2306.01271 v4, Theorem 4.7): the K = 2^(D-1)
points ``X_z = (z, y_z g)``, z in {0, 1}^(D-1), equally likely, each with its own label y_z, an l_inf radius delta < 1/2
and g <= delta. The last coordinate alone classifies without error. The classes are 1 apart, more than 2 delta. But
(z, 0) lies in the ball of X_z whatever y_z is, so a network is robust at X_z only if sign f(z, 0) = y_z: it has to
know the table y. A class of networks with at most P sign patterns on the points (z, 0) is within Hamming distance
eps K of at most P 2^(H(eps) K) of the 2^K tables (H the binary entropy, eps <= 1/2). If log2 P < (1 - H(eps)) K, some
labelling gives every network of the class a robust error above eps.

Sign patterns of M polynomials of degree d in W <= M real variables: at most ``2 (2 e M d / W)^W`` (Warren 1968;
Anthony and Bartlett, Neural Network Learning, 1999, Theorem 8.3). Layer by layer (Bartlett, Harvey, Liaw and Mehrabian,
JMLR 20(63), 2019, Theorem 7): once the signs of all units below layer i are fixed, its k_i K pre-activations are
polynomials of degree at most i in the W_i parameters of the layers 1 to i, so a ReLU network has at most

    prod_i 2 (2 e K k_i i / W_i)^(W_i)

sign patterns on K points. Parameters are counted as in `theory.relu_network`: weights and one bias a unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cgrosim.theory.balls import CubeDesign
from cgrosim.theory.relu_composition import affine_network
from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.representation import cgro_parameters

Array = NDArray[np.float64]


class LayerSize(NamedTuple):
    """Units of a layer and the parameters (weights and biases) at their inputs."""

    units: int
    parameters: int


class Sizes(NamedTuple):
    """Parameters that do not suffice and parameters that do, in one dimension.

    Attributes
    ----------
    dimension : D
    excluded_width, excluded_two_layer : largest width excluded of two layers, and the parameters of that network
    on_the_points : those of its parameters that matter at (z, 0): all but the weights of the last coordinate
    excluded_deep : parameters that do not suffice with as many layers as the CGRO network has, whatever the connections
    cgro : parameters of the CGRO network of N samples
    robust : parameters of a robust network, the CGRO network of all K points
    clean : parameters of a clean classifier, the sign of the last coordinate
    """

    dimension: int
    excluded_width: int
    excluded_two_layer: int
    on_the_points: int
    excluded_deep: int
    cgro: int
    robust: int
    clean: int


CGRO_LAYERS = 5
"""Affine layers of the CGRO network of a linear clean classifier: kinks, indicators, class sums, gates, output."""


def hard_points(dimension: int) -> Array:
    """The points z, shape (2^(D-1), D - 1), in binary order."""
    if not 2 <= dimension <= 24:
        raise ValueError(f"dimension is {dimension}, but the points can be listed from 2 to 24 only.")
    return (np.arange(2 ** (dimension - 1))[:, None] >> np.arange(dimension - 1) & 1).astype(np.float64)


def hard_samples(labels: ArrayLike, hint: float) -> Array:
    """All points (z, y_z g) of the hard distribution, shape (K, D), for K labels -1 and +1 and g = `hint`."""
    labels = np.asarray(labels, dtype=np.float64)
    dimension = round(math.log2(max(labels.size, 1))) + 1
    if labels.shape != (2 ** (dimension - 1),):
        raise ValueError(f"labels have shape {labels.shape}, but there must be 2^(D-1) of them.")
    return np.column_stack([hard_points(dimension), hint * labels])


def clean_classifier(dimension: int) -> ReluNetwork:
    """The sign of the last coordinate: one weight and one bias."""
    weight = sparse.csr_array(([1.0], ([0], [dimension - 1])), shape=(1, dimension))
    return affine_network(weight, [0.0])


def binary_entropy(share: float) -> float:
    """H(eps) in bits; ``sum_{j <= eps K} C(K, j) <= 2^(H(eps) K)`` for eps <= 1/2."""
    return 0.0 if share in (0.0, 1.0) else -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def log2_sign_patterns(polynomials: float, degree: float, variables: float) -> float:
    """Bits of the number of sign patterns of polynomials in real variables. Kind: bound (Warren)."""
    if variables > polynomials:
        return float(polynomials)
    return float(min(polynomials, 1 + variables * math.log2(2 * math.e * polynomials * degree / variables)))


def log2_network_patterns(layers: Sequence[LayerSize], points: float) -> float:
    """Bits of the number of sign patterns of a ReLU network on `points` points. Kind: bound.

    Bartlett et al. (2019, Theorem 7); for two layers of width k, ``2 + W1 log2(2eK/D) + W log2(4eK/W)`` with W1 = k D
    and W = k (D + 1) + 1 for D - 1 inputs.
    """
    bits, parameters = 0.0, 0
    for depth, layer in enumerate(layers, start=1):
        parameters += layer.parameters
        bits += log2_sign_patterns(layer.units * points, depth, parameters)
    return bits


def vc_dimension_bound(layers: Sequence[LayerSize]) -> float:
    """``L + V log2(4eR log2(2eR))`` with V = sum_i W_i and R = sum_i i k_i >= 3. Kind: bound (Bartlett et al., Thm 7).

    W_i counts the parameters of layers 1 to i, so V = W times the effective depth, O(W L log W) in all. From the number
    of sign patterns by the inequality of means; the number itself is the sharper tool and is what the table uses.
    """
    below = np.cumsum([layer.parameters for layer in layers])
    weighted = sum(depth * layer.units for depth, layer in enumerate(layers, start=1))
    if weighted < 3:
        raise ValueError(f"sum_i i k_i is {weighted}, but the bound needs at least 3.")
    ratio = 2 * math.e * weighted
    return float(len(layers) + below.sum() * math.log2(2 * ratio * math.log2(ratio)))


def two_layers(inputs: int, width: int) -> tuple[LayerSize, LayerSize]:
    """Sizes of a dense two-layer network with biases."""
    return LayerSize(width, width * (inputs + 1)), LayerSize(1, width + 1)


def room(dimension: int, error: float = 0.25) -> float:
    """Bits of sign patterns that are too few: (1 - H(error)) 2^(D-1)."""
    if not 0 < error < 0.5:
        raise ValueError(f"error is {error}, but the argument needs a robust error between 0 and 1/2.")
    return (1 - binary_entropy(error)) * 2.0 ** (dimension - 1)


def excluded_width(dimension: int, error: float = 0.25) -> int:
    """Largest k such that some labelling gives *every* two-layer network of width k robust error above `error`."""
    bits = room(dimension, error)
    points = 2.0 ** (dimension - 1)
    return _largest(lambda width: log2_network_patterns(two_layers(dimension - 1, width), points) < bits)


def excluded_parameters(dimension: int, layers: int, error: float = 0.25) -> int:
    """Largest W such that some labelling gives every network of at most `layers` affine layers and W parameters, with
    whatever connections between successive layers, robust error above `error`. Kind: bound; derived here.

    In Theorem 7 every W_i <= W and every k_i <= W_i (a unit has a parameter), so any one architecture has at most
    ``L + W sum_i log2(2eKi)`` bits. An architecture is a choice of at most W parameters among W (W + D) connections
    and W biases, and of a layer for each of at most W units, so there are at most
    ``W^2 2^(W log2(e (W + D + 1) L))`` of them.
    """
    points = 2.0 ** (dimension - 1)

    def bits(size: int) -> float:
        one = layers + size * sum(math.log2(2 * math.e * points * depth) for depth in range(1, layers + 1))
        return one + size * math.log2(math.e * (size + dimension + 1) * layers) + 2 * math.log2(size)

    return _largest(lambda size: size <= points and bits(size) < room(dimension, error))


def two_layer_parameters(dimension: int, width: int) -> int:
    """Parameters k (D + 2) + 1 of a dense two-layer network on R^D."""
    return sum(layer.parameters for layer in two_layers(dimension, width))


def sizes(dimension: int, samples: int = 100, error: float = 0.25) -> Sizes:
    """One row of the table: what does not suffice for robustness against what suffices for each of the three tasks.

    The CGRO count is the one of `theory.representation.cgro_classifier` with l_inf balls around `samples` points.
    """
    clean = clean_classifier(dimension)
    width = excluded_width(dimension, error)
    design = CubeDesign(ramp=1.0)
    return Sizes(
        dimension,
        width,
        two_layer_parameters(dimension, width) if width else 0,
        two_layer_parameters(dimension - 1, width) if width else 0,
        excluded_parameters(dimension, CGRO_LAYERS, error),
        cgro_parameters(samples, dimension, clean, design),
        cgro_parameters(2 ** (dimension - 1), dimension, clean, design),
        clean.parameter_count,
    )


def crossing_dimension(samples: int = 100, *, deep: bool = False, error: float = 0.25) -> int:
    """Smallest D in which robust networks need more parameters than the CGRO network has.

    Compared with two-layer networks, or (`deep`) with networks of the CGRO network's own number of layers: only then do
    both sides of the comparison have the same means.
    """
    dimension = 2
    while True:
        row = sizes(dimension, samples, error)
        if (row.excluded_deep if deep else row.excluded_two_layer) >= row.cgro:
            return dimension
        dimension += 1


def _largest(holds: Callable[[int], bool]) -> int:
    """Largest number for which a property holds that, once lost, stays lost (0 if it never holds)."""
    high = 1
    while holds(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
