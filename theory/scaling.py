"""The paper's scaling: parameters at its exponents with every polylog factor named, and the slopes they predict."""

from collections.abc import Callable, Sequence
from math import log, sqrt
from typing import NamedTuple

import numpy as np

from cgrosim.theory.setting import Setting


def paper_setting(
    dimension: float,
    *,
    patches: float = 3,
    samples: float = 50,
    neurons: float = 10,
    power: float = 3,
    adversarial_weight: float = 0.5,
    learning_rate: float | None = None,
    signal_exponent: float = 0.249,
    noise_exponent: float = -0.509,
    init_exponent: float = -0.5,
    gap_exponent: float = -0.5,
    signal_polylog: float = 1.0,
    noise_polylog: float = 1.0,
    init_polylog: float | None = None,
    gap_polylog: float | None = None,
) -> Setting:
    """Parameters at the paper's exponents (arXiv 2306.01271 v4, Def. 5.1 and the radius chosen after it).

    ``alpha = signal_polylog d^0.249``, ``sigma_p = noise_polylog d^-0.509``, ``sigma_0 = init_polylog d^-0.5`` and
    ``gap = min(1, d^-0.5 / gap_polylog)``. The paper leaves the polylog factors open: the defaults are 1, 1,
    ``sqrt(log d)`` (a variance of log(d)/d) and ``log d``. The learning rate defaults to ``0.1 / alpha^2``, so that
    times in steps carry a factor alpha^2; give a constant to remove it.
    """
    if not dimension > 1:
        raise ValueError(f"the dimension must exceed 1, got {dimension}")
    dimension = float(dimension)  # Python raises a whole number to a whole one digit by digit
    logarithm = log(dimension)
    alpha = signal_polylog * dimension**signal_exponent
    return Setting(
        dimension=dimension,
        patches=patches,
        samples=samples,
        neurons=neurons,
        power=power,
        signal_strength=alpha,
        noise_std=noise_polylog * dimension**noise_exponent,
        init_std=(sqrt(logarithm) if init_polylog is None else init_polylog) * dimension**init_exponent,
        gap=min(1.0, dimension**gap_exponent / (logarithm if gap_polylog is None else gap_polylog)),
        adversarial_weight=adversarial_weight,
        learning_rate=0.1 / alpha**2 if learning_rate is None else learning_rate,
    )


class Exponents(NamedTuple):
    """Powers of d, polylog factors left out, at fixed N, P, m, q, lambda and learning_rate ~ d^{eta exponent}."""

    signal_growth_time: float
    """T_I, steps."""
    memorisation_time: float
    """T_mem, steps."""
    signal_sum: float
    """U = sum u_r^q on the plateau."""
    noise_margin: float
    """V_i."""
    patch_energy: float
    """kappa = sigma_p^2 (d-1)."""
    coupling: float
    """chi."""
    test_noise_std: float
    """sd(S)."""
    attacked_signal_margin: float
    """(gap alpha)^q U."""
    attacked_signal_margin_to_noise: float
    """(gap alpha)^q U / sd(S), and so the distance of the robust test error from 1/2."""


def exponents(
    *,
    power: float = 3,
    signal_exponent: float = 0.249,
    noise_exponent: float = -0.509,
    init_exponent: float = -0.5,
    gap_exponent: float = -0.5,
    learning_rate_exponent: float | None = None,
) -> Exponents:
    """Exponents in d of the quantities of the theorem (arXiv 2306.01271, Thm 4.1 v1 / 5.9 v4; derived here).

    With alpha = d^a, sigma_p = d^p, sigma_0 = d^z, gap = d^g, eta = d^e (default e = -2a):
    T_I: ``-e - q a - (q-2) z`` (starts below the target, z < -a); T_mem: ``-e - (2p+1) - (q-2)(z + p + 1/2)``;
    U: ``-q a``; V: 0; kappa: ``2p + 1``; chi: ``-(z + p + 1)``; attacked margin: ``q g``;
    sd(S): ``q p + (q/2) max(2z + 1, -(2p+1))`` (energy of a filter: its start or the features it memorised).

    The distance of the robust error from 1/2 is of the order of attacked margin / sd(S) when several filters
    contribute; one dominating filter has an infinite density at 0 and takes the power 1/q of it. At the paper's
    exponents with q = 3 the ratio's exponent is exactly 0, because 3 (p - (2p+1)/2) = -3/2 = 3 g: the theorem's
    1/2 - o(1) is then a matter of polylog factors alone. Kind: asymptotic.
    """
    a, p, z, g, q = signal_exponent, noise_exponent, init_exponent, gap_exponent, power
    e = -2 * a if learning_rate_exponent is None else learning_rate_exponent
    noise = q * p + q / 2 * max(2 * z + 1, -(2 * p + 1))
    return Exponents(
        signal_growth_time=-e - q * a - (q - 2) * z,
        memorisation_time=-e - (2 * p + 1) - (q - 2) * (z + p + 0.5),
        signal_sum=-q * a,
        noise_margin=0.0,
        patch_energy=2 * p + 1,
        coupling=-(z + p + 1),
        test_noise_std=noise,
        attacked_signal_margin=q * g,
        attacked_signal_margin_to_noise=q * g - noise,
    )


def predicted_slope(
    quantity: Callable[[Setting], float],
    dimensions: Sequence[float],
    setting_at: Callable[[float], Setting] = paper_setting,
) -> float:
    """Least-squares slope of log(quantity) on log d over the given dimensions, log factors included.

    This is what a regression over these sizes should measure: at reachable d a factor log d alone adds 1/log d to a
    slope. Compare with :func:`exponents`, its limit. Kind: as the quantity (``Setting.signal_growth_time`` and so on).
    """
    if len(dimensions) < 2:
        raise ValueError(f"a slope needs at least two dimensions, got {len(dimensions)}")
    values = [quantity(setting_at(d)) for d in dimensions]
    return float(np.polyfit(np.log(np.asarray(dimensions, dtype=np.float64)), np.log(values), 1)[0])
