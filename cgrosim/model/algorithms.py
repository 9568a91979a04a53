"""Training algorithms beside plain full-batch descent: what each changes in one step, and what is drawn for it.

One step is ``w += beta (w - w_before) - eta (gradient + rho w)`` with momentum beta and weight decay rho. The gradient
is a mean over the batch. Label smoothing eps replaces the weight s(z) of a loss by s(z) - eps/2: the attack still makes
the margin smallest. A flipped sample keeps its patches and is trained on the other label; an unlearnable one has no
true feature (its signal patch is zero, for the attack too) and a label its teacher is certain of to a degree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cgrosim.model.streams import RunStream, stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cgrosim.model.params import Params

    Array = NDArray[np.float64]
else:
    from cgrosim.model.lazy_numpy import np

DRAWN_TOGETHER = 2**14  # indices that share a place of the stream of batches


def draw_features(params: Params) -> Array | None:
    """(N,) of +1 where the label is that of the true feature, -1 where it is flipped, 0 where there is no feature.

    None where all are +1. ``round(share N)`` samples of either kind are chosen, unlearnable ones first, none twice.
    """
    count = params.samples
    if params.label_noise == 0.0 and params.unlearnable_fraction == 0.0:
        return None
    order = stream(params.seed, RunStream.CORRUPTED).permutation(count)
    without = round(params.unlearnable_fraction * count)
    flipped = min(round(params.label_noise * count), count - without)
    features = np.ones(count)
    features[order[:without]] = 0.0
    features[order[without : without + flipped]] = -1.0
    return features


def smoothing_of(params: Params, features: Array | None, samples: int) -> Array:
    """(N,) label smoothing of each sample: eps, and ``1 - certainty (1 - eps)`` where there is no feature."""
    smoothing = np.full(samples, params.label_smoothing)
    if features is not None:
        smoothing[features == 0.0] = 1.0 - params.unlearnable_certainty * (1.0 - params.label_smoothing)
    return smoothing


def draw_batches(params: Params, first: int, count: int) -> NDArray[np.int64]:
    """The samples of the batches of `count` steps from step `first` on: (count, batch_size), the same ones every time.

    Every batch is drawn anew from all samples, or (`batch_replacement` false) each epoch is a permutation cut into
    batches. A place of the stream holds some `DRAWN_TOGETHER` indices, of whole batches and epochs.

    Raises
    ------
    ValueError
        If the parameters ask for no batches.
    """
    size, samples = params.batch_size, params.samples
    if size is None:
        raise ValueError("these parameters train on all samples at once, so there are no batches to draw")
    epochs = max(1, DRAWN_TOGETHER // samples)
    together = max(1, DRAWN_TOGETHER // size) if params.batch_replacement else epochs * (samples // size)
    parts = []
    for place in range(first // together, (first + count - 1) // together + 1):
        generator = stream(params.seed, RunStream.BATCH, place)
        if params.batch_replacement:
            drawn = generator.integers(0, samples, (together, size))
        else:
            ordered = np.broadcast_to(np.arange(samples), (epochs, samples))
            drawn = generator.permuted(ordered, axis=1).reshape(together, size)
        start = place * together
        parts.append(drawn[max(first - start, 0) : first + count - start])
    return np.concatenate(parts) if parts else np.empty((0, size), dtype=np.int64)


def shares(batch: NDArray[np.int64], samples: int) -> Array:
    """(N,) how much of a step each sample has, 1 on average: its copies in the batch times N / batch size."""
    return np.asarray(np.bincount(batch, minlength=samples) * (samples / len(batch)), dtype=np.float64)


def kept_after(params: Params, steps: int) -> float:
    """The factor s that weight decay has left of the start after some steps: ``(1 - eta rho)^steps`` without momentum.

    With it s and its velocity v obey ``v = beta v - rho s``, ``s += eta v``: a power of a matrix.
    """
    eta, rho, beta = params.learning_rate, params.weight_decay, params.momentum
    if rho == 0.0:
        return 1.0
    if beta == 0.0:
        return math.exp(steps * math.log1p(-eta * rho)) if eta * rho < 1.0 else (1.0 - eta * rho) ** steps
    step = np.array([[1.0 - eta * rho, eta * beta], [-rho, beta]])
    return float(np.linalg.matrix_power(step, steps)[0, 0])
