"""The CGRO classifier as an explicit ReLU network: right on a ball around every training sample, elsewhere a given one.

    f(x) = ReLU(f_clean - M T) - ReLU(-f_clean - M T) + sum_i y_i I_i,    T = sum_i I_i

with I_i the indicator of the ball around sample i (`theory.balls`) and M at least twice the largest |f_clean| on the
balls. Source: arXiv 2306.01271 v4, Theorem 4.4 and Lemma 4.5; the construction, its extension to several classes and
the following statements are derived here.

On ball i: I_i = 1 and I_j = 0 for samples of other classes, so T >= 1, both gates are shut, and the margin is the
sum of the indicators of the own class, at least 1. Overlapping balls of one class only add to it. Where T = 0 (beyond
twice the radius of every sample) f = f_clean. In between, gates keep the order of the outputs (``z -> ReLU(z - t) -
ReLU(-z - t)`` does not decrease) and the balls in reach, if classes are 2 delta apart everywhere, are of the point's
own class: so f is right wherever f_clean is, and the clean test error of f is at most that of f_clean.

Several classes: one gate and one sum of indicators a logit, ``F_k = gate(f_k) + sum_{i: y_i = k} I_i``; the same
argument holds logit by logit, with margin F_y - max_{k != y} F_k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cgrosim.theory.balls import METRICS, Design, Norm, ball_box, ball_design
from cgrosim.theory.interval_bounds import output_bounds
from cgrosim.theory.relu_composition import blocks, deepen, identity, on_top, parallel, serial
from cgrosim.theory.relu_network import ReluNetwork, as_sparse

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CgroClassifier:
    """A network that classifies like `clean`, except on balls around training samples, where it is right.

    Attributes
    ----------
    network, clean : ReluNetwork
        One output for two classes -1 and +1 (decided by the sign), otherwise one a class (decided by the largest).
    samples : array, shape (N, D)
    labels : array of int, shape (N,)
        -1 and +1, or 0 to outputs - 1.
    radius, norm : of the balls, "linf" or "l2"
    design : thresholds of the indicators
    clamp : M
    """

    network: ReluNetwork
    clean: ReluNetwork
    samples: Array
    labels: NDArray[np.int64]
    radius: float
    norm: Norm
    design: Design
    clamp: float

    @property
    def parameter_count(self) -> int:
        """Parameters of the network, counted from its arrays."""
        return self.network.parameter_count

    @property
    def parameter_formula(self) -> int:
        """The same number predicted from N, D, the norm and the clean network. Kind: exact; derived here."""
        count, dimension = self.samples.shape
        return cgro_parameters(count, dimension, self.clean, design=self.design)

    def margins(self, points: ArrayLike, labels: ArrayLike) -> Array:
        """``y f`` or ``F_y - max_{k != y} F_k``, shape (n,): a point is classified correctly where it is positive."""
        return classification_margins(self.network, points, labels)


def cgro_classifier(
    clean: ReluNetwork, samples: ArrayLike, labels: ArrayLike, *, radius: float, norm: Norm = "linf"
) -> CgroClassifier:
    """Build the CGRO classifier around a clean one.

    Parameters
    ----------
    clean : ReluNetwork
        One output (labels -1, +1) or one a class (labels 0, 1, ...).
    samples : array_like, shape (N, D)
    labels : array_like of int, shape (N,)
    radius : float
        delta > 0. Samples of different classes must be more than 2 delta apart.
    norm : "linf" or "l2"

    Raises
    ------
    SeparationError
        If two balls of different classes meet; it names the pair and its distance.
    ValueError
        If shapes, labels, norm or radius make no sense.
    """
    points, classes = _checked(clean, samples, labels, radius, norm)
    design = ball_design(points, classes, radius, norm=norm)
    low, high = output_bounds(clean, *ball_box(points, radius))
    clamp = 2.0 * float(np.maximum(np.abs(low), np.abs(high)).max())
    network = assemble(clean, points, classes, radius=radius, design=design, clamp=clamp)
    return CgroClassifier(network, clean, points, classes, float(radius), norm, design, clamp)


def assemble(
    clean: ReluNetwork, samples: Array, labels: NDArray[np.int64], *, radius: float, design: Design, clamp: float
) -> ReluNetwork:
    """The network of the module's formula with given thresholds.

    Sums of indicators a class pass one ReLU of their own, so that every indicator is read once.
    """
    classes = [-1, 1] if clean.outputs == 1 else list(range(clean.outputs))
    member = sparse.csr_array((labels == np.array(classes)[:, None]).astype(np.float64))
    sums = on_top(design.network(samples, radius), member, np.zeros(len(classes)))
    layers = max(len(clean.hidden_widths), len(sums.hidden_widths) + 1)
    joined = parallel(deepen(clean, layers), deepen(sums, layers, nonnegative=True))
    return serial(joined, _gates(clean.outputs, len(classes), clamp))


def _gates(outputs: int, classes: int, clamp: float) -> ReluNetwork:
    """(f, T_1, ..., T_C) -> ReLU(f_k - M T) - ReLU(-f_k - M T) + the votes of the balls."""
    closed = as_sparse(np.full((outputs, classes), -clamp))
    first = blocks(
        [
            [identity(outputs), closed],
            [identity(outputs, -1.0), closed],
            [sparse.csr_array((classes, outputs)), identity(classes)],
        ]
    )
    votes = sparse.csr_array(np.array([[-1.0, 1.0]])) if outputs == 1 else identity(classes)
    last = blocks([[identity(outputs), identity(outputs, -1.0), votes]])
    return ReluNetwork([first, last], [np.zeros(2 * outputs + classes), np.zeros(outputs)])


def cgro_parameters(samples: int, dimension: int, clean: ReluNetwork, *, design: Design) -> int:
    """Parameters of a CGRO network: N (6D + 2) for l_inf, N (2D + 5) + O(m D) for l_2, plus the clean network.

    Of the clean network all layers count once, except that its last layer is read by both gates and that its outputs
    may have to wait for the indicators as ReLU pairs. Kind: exact.
    """
    outputs, last = clean.outputs, int(clean.weights[-1].nnz)
    classes = 2 if outputs == 1 else outputs
    balls = design.parameters(samples, dimension) + samples + classes
    layers = max(len(clean.hidden_widths), design.hidden_layers + 2)
    waiting = layers - len(clean.hidden_widths)
    before = clean.parameter_count - last - outputs
    carried = 2 * last + 2 * outputs + (waiting - 1) * 4 * outputs if waiting else 0
    sums = (layers - design.hidden_layers - 2) * 2 * classes
    reads = 4 * outputs if waiting else 2 * last
    gates = reads + 2 * outputs * classes + classes + 2 * outputs + classes
    return balls + before + carried + sums + gates + 2 * outputs + classes + outputs


def classification_margins(network: ReluNetwork, points: ArrayLike, labels: ArrayLike) -> Array:
    """Margins of any network: ``y f`` for one output, ``F_y - max_{k != y} F_k`` for several."""
    values, labels = network(np.atleast_2d(points)), np.asarray(labels, dtype=np.int64)
    return margins_between(values, values, labels)


def margins_between(own: Array, others: Array, labels: NDArray[np.int64]) -> Array:
    """Margins when the label's output is taken from `own` and the rest from `others`."""
    if own.shape[1] == 1:
        return np.where(labels > 0, own[:, 0], -others[:, 0])
    rows = np.arange(len(labels))
    rest = others.copy()
    rest[rows, labels] = -np.inf
    return own[rows, labels] - rest.max(axis=1)


def _checked(
    clean: ReluNetwork, samples: ArrayLike, labels: ArrayLike, radius: float, norm: str
) -> tuple[Array, NDArray[np.int64]]:
    points, given = np.array(samples, dtype=np.float64), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != clean.inputs or len(points) == 0:
        raise ValueError(f"samples have shape {points.shape}, but the clean network reads (N, {clean.inputs}), N >= 1.")
    if given.shape != (len(points),):
        raise ValueError(f"labels have shape {given.shape}, but there are {len(points)} samples.")
    if not np.isfinite(points).all():
        raise ValueError(f"Sample {int(np.argwhere(~np.isfinite(points))[0, 0])} holds a value that is not finite.")
    if norm not in METRICS:
        raise ValueError(f"norm is {norm!r}; choose one of {', '.join(METRICS)}.")
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"radius is {radius}, but balls need a positive, finite radius.")
    allowed = np.array([-1, 1]) if clean.outputs == 1 else np.arange(clean.outputs)
    wrong = np.flatnonzero(~np.isin(given, allowed))
    if wrong.size:
        choice = "-1 or +1" if clean.outputs == 1 else f"a whole number from 0 to {clean.outputs - 1}"
        raise ValueError(f"Label {int(wrong[0])} is {given[wrong[0]]}, but a clean network with {clean.outputs} "
                         f"output(s) needs {choice}.")  # fmt: skip
    return points, given.astype(np.int64)
