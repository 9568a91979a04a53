"""Regime check: every hypothesis the claims rest on, with the signed slack by which it holds or fails."""

from dataclasses import dataclass
from math import cosh, inf, log, tanh

from cgrosim.theory.momentum import largest_stable_rate
from cgrosim.theory.setting import Setting
from cgrosim.theory.tensor_power import comparison_log_margin, discretisation_factor

LOG_RATIO = "natural logarithm of a ratio"
ABSOLUTE = "absolute"


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis at given parameters: it holds when ``slack > 0``, the more safely the larger."""

    name: str
    statement: str
    source: str
    slack: float
    units: str = LOG_RATIO


def _log_ratio(above: float, below: float) -> float:
    """Logarithm of above / below with the limits taken: -inf when the quantity to be large vanishes or both diverge."""
    if above <= 0 or below == inf:
        return -inf
    if below <= 0 or above == inf:
        return inf
    return log(above) - log(below)


def largest_saturation_curvature(power: float) -> float:
    """``max_a a^{2-2/q} e^a / (1+e^a)^2``: curvature of the logistic loss along the growing neuron, in q^2 alpha^2.

    Kind: exact; the maximum is where a tanh(a/2) = 2 - 2/q, which grows with a. Derived here: d^2/du^2 of
    log(1 + e^{-alpha^q u^q}) is this minus a positive term of the same order.
    """
    order = 2.0 - 2.0 / power
    low, high = order, order + 2.0  # tanh(a/2) < 1, and (p + 2) tanh(p/2 + 1) > p for 1 <= p <= 2
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if middle * tanh(0.5 * middle) > order else (middle, high)
    return float(low**order / (4.0 * cosh(0.5 * low) ** 2))


def _growth(s: Setting, failure_probability: float) -> list[Hypothesis]:
    paper = "arXiv 2306.01271 v4, Def. 5.1"
    ratio = s.noise_growth_rate / s.signal_growth_rate if s.signal_growth_rate > 0 else inf
    growth = s.signal_growth_rate * s.signal_strength ** -(s.power - 2)
    fast = s.signal_starts.median()
    slow = float(s.sample_starts.isf(0.5 / s.samples)) if s.samples > 0.5 else inf
    if s.power > 2 and fast > 0 and ratio < inf:
        race = comparison_log_margin(fast, max(slow, 1e-300), ratio, relative_growth=growth, power=s.power)
    elif s.power == 2 and ratio < inf:
        race = -log(ratio * float(discretisation_factor(growth, 2)))
    else:
        race = -inf
    return [
        Hypothesis(
            "signal-beats-noise",
            "signal strength^q beats N times the noise growth rate: alpha^q ((1-lam) + lam gap^q) > kappa",
            paper,
            _log_ratio(s.signal_strength**s.power * s.signal_share, s.patch_energy),
        ),
        Hypothesis(
            "signal-wins-race",
            "the largest signal start beats the largest noise start by the margin of L4: "
            "u_max > (S R_q)^{1/(q-2)} v_max, S = kappa / (N alpha^q ((1-lam) + lam gap^q))",
            "L4, medians of the maxima; derived here",
            race,
        ),
        Hypothesis(
            "small-initialisation",
            "margins are small at the start: sd(alpha^q U(0) + V_i(0)) < 1",
            paper,
            _log_ratio(1.0, s.start_margin_std()),
        ),
        Hypothesis(
            "signal-grows-smoothly",
            "L1's relative growth is small for the signal: c1 alpha^{-(q-2)} < 1",
            "L1; derived here",
            _log_ratio(1.0, growth),
        ),
        Hypothesis(
            "noise-grows-smoothly",
            "L1's relative growth is small for the noise: (eta q lam kappa / 2N) v^{q-2} < 1 at V_i = 0.7",
            "L1; derived here",
            _log_ratio(1.0, s.memorisation_rate * s.memorised_value ** (s.power - 2)),
        ),
        Hypothesis(
            "some-live-filter",
            f"all filters start with u_r(0) < 0 with probability 2^-m < {failure_probability:g}",
            "derived here: a negative filter creeps up to 0 and never crosses",
            log(failure_probability) + s.neurons * log(2),
        ),
    ]


def _training(s: Setting) -> list[Hypothesis]:
    curvature = largest_saturation_curvature(s.power) * s.power**2 * s.learning_rate
    lam, steady = s.adversarial_weight, largest_stable_rate(s.momentum) / (1.0 - s.momentum)
    limit = "2 (1+beta)/(1-beta), eta that of the flow" if s.momentum else "2"
    return [
        Hypothesis(
            "stable-step-signal",
            f"the step is stable on the signal: eta q^2 alpha^2 max_a a^{{2-2/q}} s(a)(1-s(a)) < {limit}",
            "curvature of the loss along the growing neuron; derived here",
            _log_ratio(steady, curvature * s.signal_strength**2),
        ),
        Hypothesis(
            "stable-step-noise",
            f"the step is stable on the noise: eta q^2 (kappa/N) max_a a^{{2-2/q}} s(a)(1-s(a)) < {limit}",
            "curvature of the loss along one memorised patch; derived here",
            _log_ratio(steady, curvature * s.patch_energy / s.samples),
        ),
        Hypothesis(
            "adversarial-weight-inside",
            "the adversarial weight lies strictly between 0 and 1: min(lam, 1 - lam) > 0",
            "arXiv 2306.01271 v4, Sec. 5: lam in [1/poly(d), 1)",
            min(lam, 1 - lam),
            ABSOLUTE,
        ),
        Hypothesis(
            "radius-below-signal",
            "the attack cannot reverse the signal: delta < alpha, that is gap > 0",
            "arXiv 2306.01271 v4, Sec. 5",
            s.gap,
            ABSOLUTE,
        ),
        Hypothesis(
            "power-above-two",
            "growth is super-exponential, so that the largest start wins: q > 2",
            "tensor power method; derived here",
            s.power - 2,
            ABSOLUTE,
        ),
    ]


def _memorisation(s: Setting) -> list[Hypothesis]:
    never = s.adversarial_weight == 0
    residual, log_patches = s.attacked_signal_margin_when_memorised(), log(max(s.noise_patches, 2.0))
    return [
        Hypothesis(
            "gram-nearly-orthogonal",
            "noise patches are nearly orthogonal: M = N (P-1) < d - 1, off-diagonal norm about sqrt(M/d)",
            "Wishart law of the Gram matrix; derived here",
            _log_ratio(s.dimension - 1, s.noise_patches),
        ),
        Hypothesis(
            "noise-norms-concentrate",
            "noise patches have nearly equal energy: 2 sqrt(log(M) / (d-1)) < 1",
            "largest of M chi-square deviations; derived here",
            _log_ratio(s.dimension - 1, 4 * log_patches) / 2,
        ),
        Hypothesis(
            "decoupled-memorisation",
            "one memorised patch hardly moves the others: chi = 1/(sigma_0 sigma_p d) < 1",
            "derived here",
            _log_ratio(1.0, s.coupling),
        ),
        Hypothesis(
            "signal-grows-first",
            "the signal has grown before any sample is memorised: T_I < T_mem of one sample",
            "arXiv 2306.01271, stages I and III; medians, order",
            -inf if s.signal_growth_time() == inf else _log_ratio(s.memorisation_time(), s.signal_growth_time()),
        ),
        Hypothesis(
            "attack-hides-signal",
            "the residual signal is small when the samples are memorised: (gap alpha)^q U < 1",
            "arXiv 2306.01271, stage III; derived here",
            -inf if never else _log_ratio(1.0, residual),
        ),
        Hypothesis(
            "noise-covers-residual",
            "overfitting edge: the residual signal is below the test noise, (gap alpha)^q U < sd(S)",
            "derived here",
            -inf if never else _log_ratio(s.test_noise_std(), residual),
        ),
        Hypothesis(
            "memorises-before-escape",
            "memorise/escape edge: half of the samples, which then stop feeding the residual signal, are memorised "
            "before it grows: T_mem < T_esc",
            "derived here",
            -inf if never else _log_ratio(s.escape_time(), s.memorisation_time()),
        ),
    ]


def hypotheses(setting: Setting, *, failure_probability: float = 1e-2) -> tuple[Hypothesis, ...]:
    """Every hypothesis of the claims with its slack at these parameters.

    Parameters
    ----------
    setting
        The parameters.
    failure_probability
        The probability of a run without any live filter that is still acceptable.

    Returns
    -------
    tuple of Hypothesis
        ``slack > 0`` where the hypothesis holds. "A much smaller than B" is reported as log(B/A): how much is much is
        for the claim to say. Quantities of order kind (T_mem, T_esc, sd(S)) are right within a factor of order 1, so
        a slack within about +-1 of zero decides nothing.
    """
    return (*_growth(setting, failure_probability), *_training(setting), *_memorisation(setting))
