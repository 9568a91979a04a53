"""Margins, loss weights and forces of one state, from the signal projections u and the blocked noise projections."""

from __future__ import annotations

import math

from numba import njit

from cgrosim.kernels.activation import dphi
from cgrosim.kernels.caching import BORROWING
from cgrosim.kernels.microkernels import activation_sums, derivative_products
from cgrosim.kernels.threat import signal_terms


@njit(**BORROWING)
def sigmoid_slope(margin):  # type: ignore[no-untyped-def]
    """s(z) = 1 / (1 + exp(z)), minus the derivative of log(1 + exp(-z)); exp(z) = inf gives the right 0."""
    return 1.0 / (1.0 + math.exp(margin))


@njit(**BORROWING)
def sums_of_blocks(problem, noise, work, first, last):  # type: ignore[no-untyped-def]
    """sum_r a_r phi(c[k, r]) for the rows of the blocks first <= k // 8 < last."""
    width = noise.shape[1] * 8
    for block in range(first, last):
        activation_sums(
            problem.case,
            problem.shape,
            noise,
            block * width,
            problem.second_layer,
            problem.neurons,
            work.sums,
            block * 8,
        )


@njit(**BORROWING)
def forces_of_blocks(problem, noise, work, first, last):  # type: ignore[no-untyped-def]
    """A[k, r] = coefficient[k] a_r phi'(c[k, r]) for the rows of the blocks first <= k // 8 < last."""
    width = noise.shape[1] * 8
    for block in range(first, last):
        derivative_products(
            problem.case,
            problem.shape,
            noise,
            block * width,
            problem.second_layer,
            problem.neurons,
            work.coefficients,
            block * 8,
            work.force,
        )


@njit(**BORROWING)
def margins_and_weights(problem, u, work, whole=True):  # type: ignore[no-untyped-def]
    """From ``work.sums``: margins, V_i, the coefficients of A and the sums of loss weights by kind.

    A share of a batch, if it is not a whole one, is in ``work.share``.
    """
    signal_terms(problem, u, work)
    work.lows[0] = min(work.signal[1, 0], work.signal[1, 1])
    work.lows[1] = min(work.signal[3, 0], work.signal[3, 1])
    samples, patches = problem.labels.size, problem.noise_patches
    lam = problem.adversarial_weight
    work.weights[:, :] = 0.0
    for i in range(samples):
        label = problem.labels[i]
        column = problem.column[i]
        total = 0.0
        for j in range(patches):
            total += work.sums[i * patches + j]
        memorised = label * total
        clean = work.signal[1, column] + memorised
        attacked = work.signal[2, column] + memorised
        slope = sigmoid_slope(clean)
        clean_weight = (1.0 - lam) * (slope - problem.half_smoothing[i])
        if attacked != clean:  # without attack they are the same number
            slope = sigmoid_slope(attacked)
        attacked_weight = lam * (slope - problem.half_smoothing[i])
        if not whole:
            clean_weight *= work.share[i]
            attacked_weight *= work.share[i]
        work.memorization[i] = memorised
        work.clean_margin[i] = clean
        work.attacked_margin[i] = attacked
        work.weights[0, column] += clean_weight
        work.weights[1, column] += attacked_weight
        coefficient = label * (clean_weight + attacked_weight) / samples
        for j in range(patches):
            work.coefficients[i * patches + j] = coefficient


@njit(**BORROWING)
def force_on_signal(problem, u, work):  # type: ignore[no-untyped-def]
    """(1/N) sum_i y_i f_i a_r [alpha c_i phi'(alpha f_i u_r) + kappa_i a_i phi'(kappa_i f_i u_r)], grouped by kind."""
    samples = problem.labels.size
    for r in range(problem.neurons):
        total = 0.0
        for column in range(problem.kinds.shape[1]):
            sign = problem.kinds[1, column]
            feature = problem.kinds[0, column] * sign
            alpha, kappa = problem.alpha, work.signal[0, column]
            slope = dphi(alpha * sign * u[r], problem.shape)
            total += feature * alpha * work.weights[0, column] * slope
            if kappa != alpha:
                slope = dphi(kappa * sign * u[r], problem.shape)
            total += feature * kappa * work.weights[1, column] * slope
        work.signal_force[r] = problem.second_layer[r] * total / samples
