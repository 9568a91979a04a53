"""The closed system the dynamics needs: from explicit vectors, or drawn exactly in law at any dimension.

The dynamics under a threat that moves only the true feature depends on the data and the initial weights through
the true correlations u, the noise projections C = <w_r, X_i[j]> and the Gram matrix K of the noise patches alone
(the weights never leave the span of their start, the direction and the noise patches). Derived here:
K = noise_std^2 L L^T with the Bartlett factor L of a Wishart matrix with d - 1 degrees of freedom; given K,
C = init_std noise_std L Z with Z standard normal; u is independent of both; and the Gram matrix of the weights
projected off the direction starts at init_std^2 (Z^T Z + Wishart_m(d - 1 - M)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.model.activations import output_weights
from cgrosim.model.algorithms import draw_features
from cgrosim.model.linear_algebra import combination, gram, product
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData, draw_direction, draw_labels, draw_patch_data, draw_weights
from cgrosim.model.streams import RunStream, stream

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ClosedSystem:
    """Everything the closed dynamics starts from.

    Attributes
    ----------
    labels : (N,) array of -1.0 and +1.0, those that are trained on
    signal : (m,) true correlations u_r = <w_r, w_star>
    noise : (M, m) projections <w_r, X_k>, rows k = i (P - 1) + j of the noise patches j of sample i
    gram : (M, M) Gram matrix K of the noise patches; None where the engine does not need it
    weight_gram : (m, m) Gram matrix of the initial weights projected off w_star
    second_layer : (m,) fixed output weights
    data, weights : the vectors themselves, where sampling is explicit
    features : (N,) +1.0, -1.0 where the label is flipped, 0.0 where there is no true feature; None: all +1.0
    """

    labels: Array
    signal: Array
    noise: Array
    gram: Array | None
    weight_gram: Array
    second_layer: Array
    data: PatchData | None = field(default=None, repr=False)
    weights: Array | None = field(default=None, repr=False)
    features: Array | None = None


def close_system(data: PatchData, weights: Array, second_layer: Array, *, with_gram: bool = True) -> ClosedSystem:
    """Compute the closed system of explicit data and weights."""
    rows = data.noise.reshape(-1, data.noise.shape[-1])
    signal = product(weights, data.direction[None, :])[:, 0]
    off = weights - signal[:, None] * data.direction
    return ClosedSystem(
        labels=data.labels,
        signal=signal,
        noise=product(rows, weights),
        gram=gram(rows) if with_gram else None,
        weight_gram=gram(off),
        second_layer=second_layer,
        data=data,
        weights=weights,
        features=data.features,
    )


def draw_explicit(params: Params, *, with_gram: bool = True) -> ClosedSystem:
    """Draw vectors and close the system; the same seed gives the same data and weights whatever the training."""
    generator = stream(params.seed, RunStream.DATA)
    data = draw_patch_data(params, generator, draw_direction(params, generator))
    features = draw_features(params)
    if features is not None:
        data = replace(data, labels=_trained_labels(data.labels, features), features=features)
    weights = draw_weights(params, stream(params.seed, RunStream.INIT))
    return close_system(data, weights, output_weights(params.neurons, params.second_layer_sign), with_gram=with_gram)


@dataclass(frozen=True)
class GramDraws:
    """What `draw_gram` draws for runs of one shape; the first axis of every array counts them.

    Attributes
    ----------
    labels, signal : (R, N) labels of the features, and (R, m) true correlations
    factor : (R, M, M) L with K = L L^T
    normal : (R, M, m) Z with C = init_std L Z
    rest : (R, m, m) Bartlett factor of what the weights have off the noise patches
    """

    labels: Array
    signal: Array
    factor: Array
    normal: Array
    rest: Array


def draw_for_gram(runs: Sequence[Params]) -> GramDraws:
    """The draws of runs that agree in samples, patches and neurons, each from the streams of its own seed.

    Raises
    ------
    ParameterError
        If a dimension is too small for the noise patches and filters to be in general position.
    """
    rows, neurons, samples, count = runs[0].noise_patches, runs[0].neurons, runs[0].samples, len(runs)
    labels, factor = np.empty((count, samples)), np.empty((count, rows, rows))
    initial_draws = np.empty((count, neurons * (1 + rows + neurons)))
    chi, rest_chi = np.empty((count, rows)), np.empty((count, neurons))
    for place, params in enumerate(runs):
        degrees = params.dimension - 1
        if degrees < rows + neurons:
            raise ParameterError(
                f"sampling gram needs dimension above samples * (patches - 1) + neurons = {rows + neurons}, but "
                f"dimension is {params.dimension}; take sampling explicit."
            )
        generator, initial = stream(params.seed, RunStream.DATA), stream(params.seed, RunStream.INIT)
        labels[place] = draw_labels(samples, generator)
        generator.standard_normal(out=factor[place])
        chi[place] = generator.chisquare(_falling(degrees, rows))
        initial.standard_normal(out=initial_draws[place])
        rest_chi[place] = initial.chisquare(_falling(degrees - rows, neurons))
    signal, normal, rest = np.split(initial_draws, [neurons, neurons * (1 + rows)], axis=1)
    noise_std, init_std = (np.array([getattr(p, name) for p in runs]) for name in ("noise_std", "init_std"))
    return GramDraws(
        labels=labels,
        signal=init_std[:, None] * signal,
        factor=noise_std[:, None, None] * _triangular(factor, chi),
        normal=np.ascontiguousarray(normal).reshape(count, rows, neurons),
        rest=_triangular(rest.reshape(count, neurons, neurons), rest_chi),
    )


def draw_gram(params: Params) -> ClosedSystem:
    """Draw the closed system exactly in law, at a cost that does not depend on the dimension.

    Raises
    ------
    ParameterError
        If the dimension is too small for the noise patches and filters to be in general position.
    """
    drawn = draw_for_gram([params])
    factor, normal, rest = drawn.factor[0], drawn.normal[0], drawn.rest[0]
    features = draw_features(params)
    return ClosedSystem(
        labels=_trained_labels(drawn.labels[0], features),
        features=features,
        signal=drawn.signal[0],
        noise=params.init_std * combination(factor, normal),
        gram=gram(factor),
        weight_gram=params.init_std * params.init_std * (gram(normal.T) + gram(rest)),
        second_layer=output_weights(params.neurons, params.second_layer_sign),
    )


def _trained_labels(labels: Array, features: Array | None) -> Array:
    return labels if features is None else np.where(features < 0.0, -labels, labels)


def bartlett_factor(size: int, degrees: int, generator: np.random.Generator) -> Array:
    """Lower-triangular L with L L^T ~ Wishart_size(degrees, I): chi variables on the diagonal, normals below.

    Source: Bartlett (1933); exact for degrees >= size.
    """
    normal = generator.standard_normal((size, size))
    return _triangular(normal, generator.chisquare(_falling(degrees, size)))


def _falling(degrees: int, size: int) -> Array:
    return degrees - np.arange(size, dtype=np.float64)


def _triangular(normal: Array, chi_squared: Array) -> Array:
    """Normal draws (..., n, n) below the diagonal and the roots of chi-squared ones (..., n) on it."""
    factor, place = np.tril(normal, -1), np.arange(normal.shape[-1])
    factor[..., place, place] = np.sqrt(chi_squared)
    return factor


def weight_gram(system: ClosedSystem, coefficients: Array, kept: float = 1.0) -> Array:
    """Gram matrix of the weights projected off w_star after the noise coefficients B (M, m) have been learnt.

    Derived here: w_r = s w_r(0) + (..) w_star + sum_k B_kr X_k, s = `kept` being what weight decay has left of the
    start, gives G = s^2 G(0) + s C(0)^T B + s B^T C(0) + B^T K B.
    """
    assert system.gram is not None
    cross = kept * product(system.noise.T, coefficients.T)
    learnt = product(combination(system.gram, coefficients).T, coefficients.T)
    return np.asarray(kept * kept * system.weight_gram + cross + cross.T + learnt)
