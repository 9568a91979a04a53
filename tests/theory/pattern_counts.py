"""Sign patterns of polynomials and ReLU networks in bits, and the bound of the VC dimension that they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cgrosim.theory.lower_bound import LayerSize, _entropy, _network_patterns, _precise, _sign_patterns

Array = NDArray[np.float64]


def binary_entropy(share: float) -> float:
    """H(eps) in bits; ``sum_{j <= eps K} C(K, j) <= 2^(H(eps) K)`` for eps <= 1/2."""
    return float(_entropy(share, _precise(1.0)))


def log2_sign_patterns(polynomials: float, degree: int, variables: int) -> float:
    """Bits of the number of sign patterns of polynomials in real variables. Kind: bound (Warren)."""
    return float(_sign_patterns(Decimal(polynomials), degree, variables, _precise(polynomials)))


def log2_network_patterns(layers: Sequence[LayerSize], points: float) -> float:
    """Bits of the number of sign patterns of a ReLU network on `points` points. Kind: bound.

    Bartlett et al. (2019, Theorem 7); for two layers of width k, ``2 + W1 log2(2eK/D) + W log2(4eK/W)`` with W1 = k D
    and W = k (D + 1) + 1 for D - 1 inputs.
    """
    units = max(layer.units for layer in layers)
    return float(_network_patterns(layers, Decimal(points), _precise(units * points)))


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
