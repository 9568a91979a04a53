"""How far rounding can move a convolution by Winograd's tiles, beside an independent form of the algorithm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FINITE = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0), -math.sqrt(2.0))


def matrices(side: int, size: int) -> tuple[Array, Array, Array]:
    """A (side, 6), G (6, size) and B (6, 6) of Toom and Cook: ``A ((G g) * (B d))`` is the correlation of d and g."""
    evaluate = np.array([[point**i for point in FINITE] + [float(i == side - 1)] for i in range(side)])
    others = [[other for other in FINITE if other != point] for point in FINITE]
    scales = [math.prod(point - other for other in rest) for point, rest in zip(FINITE, others, strict=True)]
    kernel = [[point**j / scale for j in range(size)] for point, scale in zip(FINITE, scales, strict=True)]
    kernel.append([0.0] * (size - 1) + [1.0])
    interpolate = [[*np.poly(rest)[::-1], 0.0] for rest in others] + [list(np.poly(FINITE)[::-1])]
    return evaluate, np.array(kernel), np.array(interpolate)


def tiled_layers(network: Any) -> dict[int, tuple[bool, bool]]:
    """Convolutions of a compiled network whose output, and whose input gradient, are found by tiles."""
    from cgrosim.images.network.kernels import program
    from cgrosim.images.network.kernels.program import Column

    if network.layout != "channels":
        return {}
    plan = network._engine.plan
    return {
        stage.index: (bool(row[Column.TILES]), row[Column.METHOD] == program.BY_TILES)
        for row, stage in zip(plan.table, plan.stages, strict=False)
        if row[Column.KIND] == program.CONVOLUTION
    }


def tile_deviation(weight: Array, padded: Array) -> Array:
    """Root of the sum of squares of what the roundings of a convolution by tiles are of, each counted as often as done.

    With U = G w G', V = |B| x |B|' and S = sqrt(sum over channels of U^2 V^2) for each of a tile's 36 coefficients: V
    bounds every partial sum of a transformed input, whose signs are not random. The weights are independent and
    symmetric, so a coefficient's sum over the channels is a random walk of length S. Its roundings (two lines of four
    of the input, one of the weight, one a channel) are independent of those of the other coefficients and add up in
    squares; the coefficients themselves have their weights in common, so the partial sums of the way back add up in
    full: four roundings of those of a column, then four of the whole and one of the bias.

    Parameters
    ----------
    weight : (kernel row, kernel column, channel, filter)
    padded : sizes of the inputs, (sample, row, column, channel)
    """
    size = len(weight)
    side = 7 - size
    evaluate, kernel, interpolate = matrices(side, size)
    evaluate, interpolate = np.abs(evaluate), np.abs(interpolate)
    height, width, channels = padded.shape[1] - size + 1, padded.shape[2] - size + 1, padded.shape[3]
    down, across = -(-height // side), -(-width // side)
    grown = [(0, 0), (0, down * side - height), (0, across * side - width), (0, 0)]
    tiles = np.lib.stride_tricks.sliding_window_view(np.pad(padded, grown), (6, 6), axis=(1, 2))[:, ::side, ::side]
    seen = np.einsum("ap,bq,nyxcpq->nyxcab", interpolate, interpolate, tiles, optimize=True)
    transformed = np.einsum("ap,bq,pqcf->abcf", kernel, kernel, weight, optimize=True)
    squares = np.einsum("nyxcab,abcf->nyxabf", seen**2, transformed**2, optimize=True)
    columns = np.einsum("ia,nyxabf->nyxibf", evaluate, np.sqrt(squares), optimize=True)
    found = (channels + 9) * np.einsum("ia,jb,nyxabf->nyixjf", evaluate**2, evaluate**2, squares, optimize=True)
    found += 4 * np.einsum("jb,nyxibf->nyixjf", evaluate**2, columns**2, optimize=True)
    found += 5 * np.einsum("jb,nyxibf->nyixjf", evaluate, columns, optimize=True) ** 2
    return np.sqrt(found.reshape(len(padded), down * side, across * side, -1)[:, :height, :width])
