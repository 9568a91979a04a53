"""Where weight decay lets the margins rest: finite plateaus of signal and noise, bistability and the edge of escape.

Under decay the loss's pull falls like e^(-margin) while the decay's does not, so margins stop at finite values instead
of growing like log t. And the winner takes all: along the flow ``x_r^(2-q) - x_s^(2-q)`` grows like e^((q-2) rho t)
(without decay it is conserved), so that in the end one neuron carries the signal and one each sample, whatever the
start was; that is the neuron meant below. Unit of time: flow time, learning rate 1. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from cgrosim.theory._arguments import finite, share
from cgrosim.theory.decay import check_decay
from cgrosim.theory.plateau import log_sigmoid_weight
from cgrosim.theory.power_growth import check_power

Array = NDArray[np.float64]

# Points a factor e of the margin at which a balance is looked for: two balances closer than 1 per cent are not told
# apart, since the logarithm of the push changes by at most (1 + margin) times the logarithm of the margin.
POINTS = 100
LEAST = 1e-12  # a margin below it is a start, not a plateau


class Rest(NamedTuple):
    """A margin at which pull and decay balance; a stable one attracts its neighbourhood."""

    margin: float
    stable: bool


def signal_pull(
    margin: ArrayLike,
    noise_margin: ArrayLike = 0.0,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
) -> Array:
    """Relative growth u'/u of one neuron by the loss, ``q alpha^2 a^(1-2/q) [(1-lam) s(a+V) + lam gap^q s(gap^q
    a+V)]``.

    a = alpha^q U is the margin of the signal and V that of the noise, of every sample. Plateaus are where it equals
    rho. Kind: exact for one neuron and equal V.
    """
    check_power(power)
    a, v = np.asarray(margin, dtype=float), np.asarray(noise_margin, dtype=float)
    left = gap**power
    push = (1.0 - adversarial_weight) * np.exp(log_sigmoid_weight(a + v))
    push = push + adversarial_weight * left * np.exp(log_sigmoid_weight(left * a + v))
    return np.asarray(power * signal_strength**2 * a ** (1.0 - 2.0 / power) * push)


def noise_pull(
    margin: ArrayLike,
    clean: ArrayLike,
    attacked: ArrayLike,
    *,
    power: float,
    samples: float,
    patch_energy: float,
    adversarial_weight: float,
) -> Array:
    """Relative growth v'/v of the neuron of a sample, ``q (kappa/N) V^(1-2/q) [(1-lam) s(a+V) + lam s(b+V)]``.

    a and b are the clean and the attacked signal margin. Kind: exact for one feature and decoupled noise.
    """
    check_power(power)
    v = np.asarray(margin, dtype=float)
    push = (1.0 - adversarial_weight) * np.exp(log_sigmoid_weight(np.asarray(clean, dtype=float) + v))
    push = push + adversarial_weight * np.exp(log_sigmoid_weight(np.asarray(attacked, dtype=float) + v))
    return np.asarray(power * patch_energy / samples * v ** (1.0 - 2.0 / power) * push)


def rests(pull: Callable[[Array], Array], decay: float, largest: float) -> tuple[Rest, ...]:
    """All margins in (1e-12, `largest`] at which `pull` equals `decay`, in order; see `Rest`.

    A zero is stable where the pull falls through the decay. Kind: exact, but that two rests closer than one per cent
    are not told apart.
    """
    check_decay(decay)
    count = int(np.ceil(POINTS * np.log(largest / LEAST)))
    grid = np.geomspace(LEAST, largest, max(count, 2))
    above = pull(grid) > decay
    found = []
    for k in np.flatnonzero(above[1:] != above[:-1]):
        root = brentq(lambda x: float(pull(np.asarray(x)) - decay), grid[k], grid[k + 1], rtol=1e-14, xtol=1e-300)
        found.append(Rest(float(root), bool(above[k])))
    return tuple(found)


def largest_margin(pull_without_loss: float, decay: float) -> float:
    """A margin beyond which no pull outweighs the decay: s(x) <= e^(-x), so from log(pull/decay) on, times a power.

    Returns 2 log(pull/decay) + 40, which outgrows the power x^(1-2/q) < x as well. Kind: bound.
    """
    return 2.0 * max(float(np.log(pull_without_loss)) - float(np.log(decay)), 0.0) + 40.0


def noise_rests(
    weight_decay: float,
    clean: float,
    attacked: float,
    *,
    power: float,
    samples: float,
    patch_energy: float,
    adversarial_weight: float,
) -> tuple[Rest, ...]:
    """All rests of V_i at fixed margins of the signal: the stable one is the plateau of a memorised sample.

    Kind: exact for one feature and decoupled noise.
    """
    arguments = {
        "power": power, "samples": samples, "patch_energy": patch_energy, "adversarial_weight": adversarial_weight,
    }  # fmt: skip
    share("adversarial_weight", adversarial_weight)
    finite("clean", clean)
    finite("attacked", attacked)
    if not weight_decay > 0.0:
        raise ValueError(
            f"plateaus need a positive weight decay, got {weight_decay!r}: without it margins grow for ever"
        )
    largest = largest_margin(power * patch_energy / samples, weight_decay)
    return rests(lambda v: noise_pull(v, clean, attacked, **arguments), weight_decay, largest)


class Plateaus(NamedTuple):
    """Margins at rest: clean and attacked signal margin, and the noise margin of a memorised sample (0: none)."""

    clean: float
    attacked: float
    noise: float


def joint_plateaus(
    weight_decay: float,
    memorised: float = 1.0,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
    samples: float,
    patch_energy: float,
) -> Plateaus:
    """Where signal and noise rest together, a share `memorised` of the samples having V and the others 0.

    A memorised sample pushes the signal less, and a lower signal pushes the noise more, so both rest together. nan
    where there is no such state. Kind: exact for one neuron each, equal energies, decoupled noise; the first plateau of
    the signal, before any escape.
    """
    common = {"power": power, "adversarial_weight": adversarial_weight}
    signal = common | {"signal_strength": signal_strength, "gap": gap}
    noise = common | {"samples": samples, "patch_energy": patch_energy}

    def first(margin: float) -> float:
        def pull(a: Array) -> Array:
            return memorised * signal_pull(a, margin, **signal) + (1.0 - memorised) * signal_pull(a, **signal)

        largest = largest_margin(power * signal_strength**2, weight_decay)
        return next((rest.margin for rest in rests(pull, weight_decay, largest) if rest.stable), np.nan)

    if memorised == 0.0:
        alone = first(0.0)
        return Plateaus(alone, gap**power * alone, 0.0)

    def noise_rest(clean: float) -> float:
        found = noise_rests(weight_decay, clean, gap**power * clean, **noise)
        return next((rest.margin for rest in reversed(found) if rest.stable), np.nan)

    # a(V) falls and V(a) falls, so a - first(noise_rest(a)) rises through its only zero
    low, high = first(largest_margin(power * patch_energy / samples, weight_decay)), first(0.0)
    low = LEAST if np.isnan(low) else low

    def gap_between(clean: float) -> float:
        rest = noise_rest(clean)
        answer = first(0.0 if np.isnan(rest) else rest)
        return clean - (0.0 if np.isnan(answer) else answer)

    if np.isnan(high):  # an unmemorised signal would run on to its escape; beside memorised samples it may yet rest
        high = largest_margin(power * signal_strength**2, weight_decay)
    if np.isnan(noise_rest(high)) or gap_between(high) < 0:
        return Plateaus(np.nan, np.nan, np.nan)
    clean = low if gap_between(low) >= 0 else float(brentq(gap_between, low, high, xtol=1e-12, rtol=1e-13))
    if abs(gap_between(clean)) > 1e-6 * clean:  # where the answer jumps there is no rest
        return Plateaus(np.nan, np.nan, np.nan)
    return Plateaus(clean, gap**power * clean, noise_rest(clean))


class EscapeEdges(NamedTuple):
    """Decays between which the escaped state exists beside the plateau and is not reached from it.

    Below `free` the signal runs on to the escaped state by itself; between both it stays on its plateau; above `held`
    there is no escaped state. Equal where there is only one state.
    """

    free: float
    held: float


def escape_edges(*, power: float, signal_strength: float, gap: float, adversarial_weight: float) -> EscapeEdges:
    """The edges of escape in the decay: the least pull between the two humps of `signal_pull`, and the second hump.

    With a small gap the second hump is ``lam q alpha^2 gap^2 max_x x^(1-2/q) s(x)``: weight decay closes the escape
    with the square of the gap. Kind: exact for one neuron at V = 0, on a grid of one per cent refined by a parabola.
    """
    check_power(power)
    finite("signal_strength", signal_strength)
    if 0.0 in (share("gap", gap), share("adversarial_weight", adversarial_weight)):
        return EscapeEdges(0.0, 0.0)
    grid = np.geomspace(1e-3, 60.0 * gap**-power, int(np.ceil(POINTS * np.log(6e4 * gap**-power))))
    pull = np.log(
        signal_pull(grid, power=power, signal_strength=signal_strength, gap=gap, adversarial_weight=adversarial_weight)
    )
    inner = np.arange(1, grid.size - 1)
    peaks = inner[(pull[inner] >= pull[inner - 1]) & (pull[inner] > pull[inner + 1])]
    valleys = inner[(pull[inner] <= pull[inner - 1]) & (pull[inner] < pull[inner + 1])]
    if peaks.size < 2:
        return EscapeEdges(0.0, 0.0) if peaks.size == 0 else EscapeEdges(*([_vertex(pull, int(peaks[0]))] * 2))
    return EscapeEdges(_vertex(pull, int(valleys[-1])), _vertex(pull, int(peaks[-1])))


def _vertex(logs: Array, k: int) -> float:
    """Extremum of exp of a smooth function from three equally spaced values around it."""
    left, middle, right = logs[k - 1 : k + 2]
    bend = left - 2.0 * middle + right
    return float(np.exp(middle if bend == 0.0 else middle - (right - left) ** 2 / (8.0 * bend)))
