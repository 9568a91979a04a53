"""What the kernels are told about a training problem: labels, second layer, activation, threat and loss weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.kernels.activation import activation_shape, power_case
from cgrosim.kernels.blocks import Array, aligned_zeros, padded_neurons, tile_height, zeros
from cgrosim.kernels.levels import LEVELS


class Problem(NamedTuple):
    """Constants of one training problem, as the compiled kernels take them; make it with `make_problem`."""

    labels: Array  # (N,) -1 or +1
    second_layer: Array  # (padded m,) a_r, zero in the padding
    neurons: int  # m
    noise_patches: int  # P - 1
    height: int  # neurons in a product tile
    shape: Array  # of the activation
    case: int  # its integer exponent, or 0
    alpha: float
    weakest: float  # alpha - delta, what an attack along the true feature leaves of it
    attacked_low: float  # ends of the interval the attack takes the signal's coefficient from
    attacked_high: float
    adversarial_weight: float  # lam
    column: NDArray[np.int64]  # (N,) which of the kinds below a sample is
    kinds: Array  # (2, kinds) label of the kind, and sign of its true feature (0: none)
    half_smoothing: Array  # (N,) eps/2
    decay: float  # rho
    momentum: float  # beta


def make_problem(
    labels: Array,
    second_layer: Array,
    noise_patches: int,
    *,
    activation: str,
    power: float,
    alpha: float,
    weakest: float,
    attacked_low: float,
    attacked_high: float,
    adversarial_weight: float,
    features: Array | None = None,
    smoothing: Array | None = None,
    decay: float = 0.0,
    momentum: float = 0.0,
) -> Problem:
    """Check and collect the constants of a training problem.

    Parameters
    ----------
    labels : (N,) array of -1 and +1
    second_layer : (m,) array
    noise_patches : int
        P - 1, at least 1.
    activation, power
        Name and exponent of the activation, see `cgrosim.kernels.activation`.
    alpha, weakest : float
        Signal strength alpha, and alpha - delta. It is passed on its own because the difference would cancel when the
        attack nearly erases the signal.
    attacked_low, attacked_high : float
        Ends of the interval the attack takes the coefficient of the signal from; equal where it has no choice, else
        the low one is at least 0.
    adversarial_weight : float
        lam, the weight of the adversarial loss, in [0, 1].
    features : (N,) array of +1, -1 (label flipped) and 0 (no true feature), optional
        Default: all +1.
    smoothing : (N,) array, optional
        eps of each sample; its loss weights are s(z) - eps/2. Default: 0.
    decay, momentum : float
        rho and beta of a step ``beta (w - w_before) - eta (gradient + rho w)``.

    Raises
    ------
    ValueError
        If a value is outside its range.
    """
    labels = np.ascontiguousarray(labels, dtype=np.float64)
    second_layer = np.asarray(second_layer, dtype=np.float64)
    if labels.ndim != 1 or labels.size == 0 or not np.all(np.abs(labels) == 1):
        raise ValueError("labels must be a non-empty vector of -1 and +1")
    if second_layer.ndim != 1 or second_layer.size == 0 or not np.all(np.isfinite(second_layer)):
        raise ValueError("second_layer must be a non-empty vector of finite numbers")
    if noise_patches < 1:
        raise ValueError(f"a sample has {noise_patches} noise patches; it needs at least 1")
    ends = f"alpha - delta = {weakest}, alpha = {alpha}, attacked from {attacked_low} to {attacked_high}"
    if not (-math.inf < weakest <= alpha < math.inf and -math.inf < attacked_low <= attacked_high < math.inf):
        raise ValueError(f"the attacked signal needs finite alpha - delta <= alpha and low <= high, but {ends}")
    if alpha < 0:
        raise ValueError(f"the signal strength must not be negative, but {ends}")
    if attacked_low < attacked_high and attacked_low < 0:
        raise ValueError(f"an attack that may choose needs a radius of at most alpha, but {ends}")
    if not 0 <= adversarial_weight <= 1:
        raise ValueError(f"the adversarial weight is {adversarial_weight}; it must be in [0, 1]")
    if not (decay >= 0 and 0 <= momentum < 1):
        raise ValueError(f"the decay is {decay} and the momentum {momentum}; they must be at least 0, and below 1")
    known = np.ones_like(labels) if features is None else np.asarray(features, dtype=np.float64)
    half = np.zeros_like(labels) if smoothing is None else 0.5 * np.asarray(smoothing, dtype=np.float64)
    if known.shape != labels.shape or half.shape != labels.shape or not np.all(np.isin(known, (-1.0, 0.0, 1.0))):
        raise ValueError("features of -1, 0 and +1 and smoothing must have one entry for every label")
    column, kinds = _kinds(labels, known)
    neurons = second_layer.size
    padded = zeros(padded_neurons(neurons))
    padded[:neurons] = second_layer
    shape = activation_shape(activation, power)
    return Problem(
        labels,
        padded,
        neurons,
        int(noise_patches),
        tile_height(neurons),
        shape,
        power_case(shape),
        float(alpha),
        float(weakest),
        float(attacked_low),
        float(attacked_high),
        float(adversarial_weight),
        column,
        kinds,
        half,
        float(decay),
        float(momentum),
    )


def _kinds(labels: Array, features: Array) -> tuple[NDArray[np.int64], Array]:
    """The kind of each sample and what the kinds are: both labels with their feature first, then those that occur."""
    kinds = [(1.0, 1.0), (-1.0, 1.0)]
    kinds += sorted({(y, f) for y, f in zip(labels.tolist(), features.tolist(), strict=True) if f != 1.0}, reverse=True)
    column = np.array([kinds.index(pair) for pair in zip(labels.tolist(), features.tolist(), strict=True)])
    label, feature = np.array(kinds).T
    return column.astype(np.int64), np.ascontiguousarray([label, label * feature])


class Record(NamedTuple):
    """First-hitting steps of levels and thresholds, kept up to date by the kernels; -1 until it happens."""

    level: NDArray[np.int64]  # (K,) what is watched, a place in LEVELS
    threshold: Array  # (K,) what it has to reach
    first: NDArray[np.int64]  # (K, N) when it did; a level of one value uses the first column


def make_record(samples: int, watched: Iterable[tuple[str, float]]) -> Record:
    """Return an empty record of levels, by their names in `LEVELS`, and thresholds."""
    names, thresholds = zip(*watched, strict=True)
    levels = np.array([LEVELS.index(name) for name in names], dtype=np.int64)
    first = np.full((len(levels), max(samples, 1)), -1, np.int64)
    return Record(levels, np.array(thresholds, dtype=np.float64), first)


class Workspace(NamedTuple):
    """Scratch of a step; make it with `make_workspace`. Nothing is allocated while stepping."""

    projections: Array  # (blocks, padded m, 8) c[k, r]: of the weights (direct), or a packed copy (flow)
    force: Array  # (blocks, padded m, 8) A[k, r], blocked
    change: Array  # product of the step, blocked like the state it updates
    sums: Array  # (8 blocks,) sum_r a_r phi(c[k, r])
    coefficients: Array  # (8 blocks,) y_i (c_i + a_i) / N, zero in the padding
    signal: Array  # (4, kinds): attacked coefficient; clean, attacked and low signal margin
    lows: Array  # (2,) the smaller one of the two labels' clean signal margins, and of the low ones
    weights: Array  # (2, kinds) sums of c_i and a_i over the samples of a kind
    direct_signal: Array  # (padded m,) u_r = <w_r, w_star> of the weights
    signal_force: Array  # (padded m,) force on u_r
    clean_margin: Array  # (N,)
    attacked_margin: Array  # (N,)
    memorization: Array  # (N,) V_i
    share: Array  # (N,) copies of a sample in the batch of this step times N / batch size
    order: NDArray[np.int64]  # (m,) neurons by |u_r|
    tails: Array  # (m + 1,) partial sums of the piecewise maximiser


def make_workspace(problem: Problem, blocks: int, changed_blocks: int) -> Workspace:
    """Return the scratch for `blocks` blocks of projections and a state of `changed_blocks` blocks."""
    padded, samples = problem.second_layer.size, problem.labels.size
    blocked, rows, kinds = (blocks, padded, 8), (blocks * 8,), problem.kinds.shape[1]
    floats = [
        blocked,
        blocked,
        (changed_blocks, padded, 8),
        rows,
        rows,
        (4, kinds),
        (2,),
        (2, kinds),
        (padded,),
        (padded,),
    ]
    order = np.arange(problem.neurons)
    arrays: dict[str, NDArray[Any]] = dict(
        zip(Workspace._fields, aligned_zeros(*floats, *[(samples,)] * 4), strict=False)
    )
    return Workspace(**arrays, order=order, tails=np.zeros(problem.neurons + 1))
