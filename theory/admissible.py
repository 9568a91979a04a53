"""Which exponents in the dimension the theorem's picture needs: the admissible region, and the paper's corner of it.

Everything is a power of d: alpha = d^a, sigma_p = d^p, sigma_0 = d^z, gap = d^g and N = d^n (P, m, lambda and polylog
factors do not count). What the three stages need of each other is then a set of linear inequalities between exponents.
"""

from typing import NamedTuple

from cgrosim.theory.scaling import exponents


class Slacks(NamedTuple):
    """By how much each inequality holds, as a power of d: negative where it fails, 0 where polylog factors decide."""

    small_signal: float
    """alpha u(0) is small: the signal's margin starts below the scale of the loss."""
    small_noise: float
    """sigma_0 sigma_p sqrt(d) is small: so does the noise's."""
    signal_first: float
    """T_I << T_mem: the signal grows before the noise; also what keeps standard training from memorising."""
    memorised_before_escape: float
    """T_mem << T_esc: every sample is memorised before the attacked signal grows."""
    clean: float
    """sd(S) << 1: the noise of a fresh sample does not reach the clean margin."""
    robust_error: float
    """(gap alpha)^q U << sd(S): it does cover the attacked signal, so that the robust test error tends to 1/2."""
    samples_apart: float
    """N << sqrt(d): the overlaps of all other samples' noise with one sample's stay below its own norm."""
    decoupled: float
    """chi << 1: one memorised patch kicks the others of its neuron by less than their start."""


def slacks(
    *,
    power: float = 3,
    signal_exponent: float = 0.249,
    noise_exponent: float = -0.509,
    init_exponent: float = -0.5,
    gap_exponent: float = -0.5,
    samples_exponent: float = 0.0,
) -> Slacks:
    """The slack of every inequality, by default at the paper's exponents (arXiv 2306.01271 v4, Def. 5.1).

    Derived here, from the times and sizes of `scaling.exponents` with N put in. With k = p + 1/2, the exponent of the
    norm of a noise patch:

    - starts: a + z < 0 and z + k < 0;
    - T_I ~ alpha^-q sigma_0^-(q-2), T_mem ~ N kappa^-1 v(0)^-(q-2): ``n + q (a - k) > 0``;
    - T_esc ~ (gap alpha)^-q alpha^(q-2): ``n + q g + 2 a < q k + (q-2) z``;
    - the energy of a filter is that of its start, d sigma_0^2, or of what it memorised, N / kappa, and so sd(S) has the
      exponent ``s = q p + (q/2) max(2 z + 1, n - 2 k)``: clean s < 0, robust error q g < s;
    - N - 1 overlaps sigma_p^2 sqrt(d) against sigma_p^2 d: n < 1/2; chi = 1 / (sigma_0 sigma_p d): z + p + 1 > 0.

    At the paper's z = g = -1/2 and q = 3, with noise patches of norm about 1 (p = -1/2), memorising before escaping is
    n + 2 a < 1; with as many samples as stay apart, n up to 1/2, that is a < 1/4. The paper gives no reason for 0.249
    and -0.509; they stand beside this corner, (1/4, -1/2), and no other edge is near. For a few samples all a below 1/2
    would do; at p = -0.509 itself a = 0.249 leaves n < 0.475. Kind: asymptotic.
    """
    a, p, z, g, n, q = signal_exponent, noise_exponent, init_exponent, gap_exponent, samples_exponent, power
    known = exponents(
        power=q, signal_exponent=a, noise_exponent=p, init_exponent=z, gap_exponent=g, learning_rate_exponent=0.0
    )
    memorised = known.memorisation_time + n
    escaped = -q * (g + a) + (q - 2) * a
    spread = q * p + q / 2 * max(2 * z + 1, n - known.patch_energy)
    return Slacks(
        small_signal=-(a + z),
        small_noise=-(z + p + 0.5),
        signal_first=memorised - known.signal_growth_time,
        memorised_before_escape=escaped - memorised,
        clean=-spread,
        robust_error=spread - q * g,
        samples_apart=0.5 - n,
        decoupled=-known.coupling,
    )
