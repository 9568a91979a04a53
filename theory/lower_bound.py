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
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cgrosim.theory._arguments import whole
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


LARGEST_DIMENSION = 1000
"""Exact counts to 2^(D-1) points: a fraction of a second at D = 200, a minute at the largest."""
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


# A table of proofs holds whole numbers, and the inequality that decides them compares numbers of the size of the number
# of points: it is evaluated in decimals with GUARD digits to spare, and holds only with MARGIN bits to spare, far more
# than a thousand roundings and far less than one parameter more or less is worth.
GUARD, MARGIN = 30, Decimal("1e-20")


def _precise(points: float) -> Context:
    """Decimal arithmetic with as many digits as so many points take, three bits a digit, and a guard."""
    bits = points.bit_length() if isinstance(points, int) else math.frexp(points)[1]
    return Context(prec=max(bits, 1) // 3 + GUARD)


@lru_cache(maxsize=64)
def _ln2(digits: int) -> Decimal:
    return Decimal(2).ln(Context(prec=digits))


def _log2(value: Decimal, context: Context) -> Decimal:
    return context.divide(value.ln(context), _ln2(context.prec))


def _entropy(share: float, context: Context) -> Decimal:
    if share in (0.0, 1.0):
        return Decimal(0)
    with localcontext(context):
        p = Decimal(share)
        return -p * _log2(p, context) - (1 - p) * _log2(1 - p, context)


def _sign_patterns(polynomials: Decimal, degree: int, variables: int, context: Context) -> Decimal:
    if variables > polynomials:
        return polynomials
    with localcontext(context):
        ratio = 2 * Decimal(1).exp(context) * polynomials * degree / variables
        return min(polynomials, 1 + variables * _log2(ratio, context))


def _network_patterns(layers: Sequence[LayerSize], points: Decimal, context: Context) -> Decimal:
    bits, parameters = Decimal(0), 0
    for depth, layer in enumerate(layers, start=1):
        parameters += layer.parameters
        with localcontext(context):
            bits += _sign_patterns(layer.units * points, depth, parameters, context)
    return bits


def two_layers(inputs: int, width: int) -> tuple[LayerSize, LayerSize]:
    """Sizes of a dense two-layer network with biases."""
    return LayerSize(width, width * (inputs + 1)), LayerSize(1, width + 1)


def room(dimension: int, error: float = 0.25) -> float:
    """Bits of sign patterns that are too few: (1 - H(error)) 2^(D-1)."""
    dimension = whole("dimension", dimension, 1, LARGEST_DIMENSION)
    return float(_room(dimension, error, _precise(2 ** (dimension - 1))))


def _room(dimension: int, error: float, context: Context) -> Decimal:
    if not 0 < error < 0.5:
        raise ValueError(f"error is {error}, but the argument needs a robust error between 0 and 1/2.")
    with localcontext(context):
        return (1 - _entropy(error, context)) * 2 ** (dimension - 1)


def excluded_width(dimension: int, error: float = 0.25) -> int:
    """Largest k such that some labelling gives *every* two-layer network of width k robust error above `error`."""
    dimension = whole("dimension", dimension, 1, LARGEST_DIMENSION)
    points = 2 ** (dimension - 1)
    context = _precise(points**2)  # with as many units as points at most
    bits = context.subtract(_room(dimension, error, context), MARGIN)

    def excluded(width: int) -> bool:
        return width <= points and _network_patterns(two_layers(dimension - 1, width), Decimal(points), context) < bits

    return _largest(excluded)


def excluded_parameters(dimension: int, layers: int, error: float = 0.25) -> int:
    """Largest W such that some labelling gives every network of at most `layers` affine layers and W parameters, with
    whatever connections between successive layers, robust error above `error`. Kind: bound; derived here.

    In Theorem 7 every W_i <= W and every k_i <= W_i (a unit has a parameter), so any one architecture has at most
    ``L + W sum_i log2(2eKi)`` bits. An architecture is a choice of at most W parameters among W (W + D) connections
    and W biases, and of a layer for each of at most W units, so there are at most
    ``W^2 2^(W log2(e (W + D + 1) L))`` of them.
    """
    dimension = whole("dimension", dimension, 1, LARGEST_DIMENSION)
    layers = whole("layers", layers, 1, 10**6)
    points = 2 ** (dimension - 1)
    context = _precise(points**2)
    euler = Decimal(1).exp(context)
    bits = context.subtract(_room(dimension, error, context), MARGIN)
    with localcontext(context):
        a_parameter = sum((_log2(2 * euler * points * depth, context) for depth in range(1, layers + 1)), Decimal(0))

    def excluded(size: int) -> bool:
        with localcontext(context):
            choices = size * _log2(euler * (size + dimension + 1) * layers, context) + 2 * _log2(Decimal(size), context)
            return size <= points and layers + size * a_parameter + choices < bits

    return _largest(excluded)


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
        cgro_parameters(samples, dimension, clean, design=design),
        cgro_parameters(2 ** (dimension - 1), dimension, clean, design=design),
        clean.parameter_count,
    )


def crossing_dimension(samples: int = 100, *, deep: bool = False, error: float = 0.25) -> int:
    """Smallest D in which robust networks need more parameters than the CGRO network has.

    Compared with two-layer networks, or (`deep`) with networks of the CGRO network's own number of layers: only then do
    both sides of the comparison have the same means.
    """
    samples, dimension = whole("samples", samples, 1, 2**63), 2
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
