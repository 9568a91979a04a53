"""The numbers of one experiment and the quantities derived from them that every prediction uses."""

from dataclasses import dataclass, fields
from math import exp, inf, isnan, sqrt

from cgrosim.theory.initial_laws import GrowthTimeLaw, MaximumLaw
from cgrosim.theory.memorisation import coupling, noise_growth_rate
from cgrosim.theory.noise_moments import log_absolute_moment
from cgrosim.theory.power_growth import growth_integral
from cgrosim.theory.saturation import power_saturation
from cgrosim.theory.stages import signal_growth_rate
from cgrosim.theory.thresholds import ESCAPED, MEMORISED, SIGNAL_GROWN


@dataclass(frozen=True)
class Setting:
    """Parameters of one experiment as plain floats (arXiv 2306.01271, Def. 5.1 and the training of Sec. 5).

    Attributes
    ----------
    dimension, patches, samples, neurons
        d, P, N, m; any positive real numbers, so that exponents can be taken.
    power
        q >= 2 of the activation sign(z)|z|^q.
    signal_strength, noise_std, init_std
        alpha, sigma_p, sigma_0.
    gap
        1 - delta / alpha, the share of the signal the attack leaves.
    adversarial_weight
        lambda, the weight of the adversarial loss.
    learning_rate
        eta; all times below are gradient steps. With momentum that of the flow, eta / (1 - beta).
    momentum
        beta; only the stability of steps depends on it, all else through `learning_rate`.
    """

    dimension: float
    patches: float
    samples: float
    neurons: float
    power: float
    signal_strength: float
    noise_std: float
    init_std: float
    gap: float
    adversarial_weight: float
    learning_rate: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        """Reject values for which no formula below means anything."""
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in ("gap", "adversarial_weight", "momentum") else None
            if isnan(value) or value < 0 or (least is None and value == 0):
                raise ValueError(f"{field.name} must be {'positive' if least is None else 'at least 0'}, got {value}")
        if self.power < 2:
            raise ValueError(f"power must be at least 2, got {self.power}")
        if self.dimension <= 1 or self.patches <= 1:
            raise ValueError(f"dimension and patches must exceed 1, got {self.dimension} and {self.patches}")

    @property
    def noise_patches(self) -> float:
        """M = N (P - 1), the number of noise patches in the training set."""
        return self.samples * (self.patches - 1)

    @property
    def patch_energy(self) -> float:
        """Patch energy kappa = sigma_p^2 (d - 1): the mean squared norm of a noise patch. Kind: exact mean."""
        return self.noise_std**2 * (self.dimension - 1)

    @property
    def coupling(self) -> float:
        """Coupling chi = 1 / (sigma_0 sigma_p d) of the samples (`memorisation.coupling`). Kind: order."""
        return float(coupling(init_std=self.init_std, noise_std=self.noise_std, dimension=self.dimension))

    @property
    def signal_share(self) -> float:
        """``(1-lam) + lam gap^q``: the pull on u while all margins are small, relative to alpha^q (U > 0)."""
        return 1 - self.adversarial_weight + self.adversarial_weight * self.gap**self.power

    @property
    def signal_growth_rate(self) -> float:
        """c1 of ``u' = c1 |u|^{q-1}`` in stage I, U > 0 (`stages.signal_growth_rate`). Kind: exact at margin 0."""
        return signal_growth_rate(
            power=self.power,
            signal_strength=self.signal_strength,
            gap=self.gap,
            adversarial_weight=self.adversarial_weight,
            learning_rate=self.learning_rate,
        )

    @property
    def noise_growth_rate(self) -> float:
        """Rate of ``v' = rate |v|^{q-1}`` in stage I, ``eta q kappa / (2N)``. Kind: exact at margin 0, M << d."""
        return self._noise_rate(1.0)

    @property
    def memorisation_rate(self) -> float:
        """Rate of ``v' = rate |v|^{q-1}`` once the clean loss is solved, ``eta q lam kappa / (2N)``. Kind: order."""
        return self._noise_rate(self.adversarial_weight)

    def _noise_rate(self, adversarial_weight: float) -> float:
        rate = noise_growth_rate(
            power=self.power,
            samples=self.samples,
            learning_rate=self.learning_rate,
            adversarial_weight=adversarial_weight,
            patch_energy=self.patch_energy,
        )
        return float(rate)

    @property
    def noise_start_std(self) -> float:
        """``sigma_0 sigma_p sqrt(d - 1)``, the standard deviation of v_{r,i,j}(0)."""
        return self.init_std * sqrt(self.patch_energy)

    @property
    def signal_starts(self) -> MaximumLaw:
        """Law of max_r u_r(0). Kind: exact."""
        return MaximumLaw(self.neurons, self.init_std)

    @property
    def sample_starts(self) -> MaximumLaw:
        """Law of max_{r,j} v_{r,i,j}(0) of one sample. Kind: asymptotic, d -> infinity."""
        return MaximumLaw(self.neurons * (self.patches - 1), self.noise_start_std)

    @property
    def grown_value(self) -> float:
        """The u at which one neuron alone gives alpha^q U = 1."""
        return float(SIGNAL_GROWN ** (1 / self.power)) / self.signal_strength

    @property
    def memorised_value(self) -> float:
        """The v at which one feature alone gives V_i = 0.7."""
        return float(MEMORISED ** (1 / self.power))

    def signal_growth_time_law(self) -> GrowthTimeLaw:
        """Law of T_I, the step at which alpha^q U reaches 1. Kind: exact for one neuron at margin 0, else order.

        It is the law for a fixed attack; under signal_span the half of all starts with U(0) < 0 runs faster at first
        (`stages.signal_growth_time_law` says how much).
        """
        return GrowthTimeLaw(self.signal_starts, self.signal_growth_rate, self.power, self.grown_value)

    def memorisation_time_law(self) -> GrowthTimeLaw:
        """Law of T_i, the step at which one sample is memorised, by the decoupled prediction (lam > 0, chi << 1)."""
        return GrowthTimeLaw(self.sample_starts, self.memorisation_rate, self.power, self.memorised_value)

    def signal_growth_time(self) -> float:
        """Median T_I in steps (infinite when no signal reaches the loss)."""
        return _grow(self.signal_starts.median(), self.grown_value, self.signal_growth_rate, self.power)

    def memorisation_time(self) -> float:
        """Median T_i in steps; infinite at lam = 0."""
        return _grow(self.sample_starts.median(), self.memorised_value, self.memorisation_rate, self.power)

    def last_memorisation_time(self) -> float:
        """Median of the time T_mem at which all N samples are memorised, T_i independent. Kind: order."""
        start = float(self.sample_starts.isf(0.5 ** (1 / self.samples)))
        return _grow(start, self.memorised_value, self.memorisation_rate, self.power)

    def signal_margin(self, time: float) -> float:
        """``a = alpha^q U`` after `time` steps from the median start, one neuron, attacked pull dropped.

        Solves ``a' = eta q^2 alpha^2 signal_share a^{2-2/q} / (1 + e^a)``. Kind: order (stages I and II of arXiv
        2306.01271; equation derived here).
        """
        if time == inf:
            return inf
        rate = self.learning_rate * self.power**2 * self.signal_strength**2 * self.signal_share
        start = self.signal_strength * max(self.signal_starts.median(), 1e-3 * self.init_std)
        return power_saturation(time, rate, start**self.power, power=self.power) if rate > 0 else start**self.power

    def signal_margin_when_memorised(self) -> float:
        """Plateau margin a_* = alpha^q U at T_mem."""
        return self.signal_margin(self.last_memorisation_time())

    def attacked_signal_margin_when_memorised(self) -> float:
        """``(gap alpha)^q U`` at T_mem: what the attack leaves of the signal."""
        if self.gap == 0:
            return 0.0
        margin = self.signal_margin_when_memorised()
        return inf if margin == inf else self.gap**self.power * margin  # the power of a tiny gap underflows

    def escape_time(self) -> float:
        """T_esc: steps for the attacked signal alone to take (gap alpha)^q U from its value at T_mem to 0.7.

        ``u' = (eta q lam / 2) (gap alpha)^q u^{q-1}`` from the plateau height u_p; for q = 3 about
        ``2 / (3 eta lam (gap alpha)^3 u_p)``. Kind: order. Derived here.
        """
        residual = self.gap * self.signal_strength
        if residual == 0 or self.adversarial_weight == 0:
            return inf
        height = self.signal_margin_when_memorised() ** (1 / self.power) / self.signal_strength
        rate = self.learning_rate * self.power / 2 * self.adversarial_weight * residual**self.power
        return _grow(height, ESCAPED ** (1 / self.power) / residual, rate, self.power)

    def test_noise_std(self) -> float:
        """Standard deviation of the test-time noise S once every sample is memorised.

        ``Var S = (P-1) sigma_p^{2q} E|z|^{2q} sum_r G_rr^q`` for orthogonal filters of energy
        ``G_rr = sigma_0^2 (d-1) + (N/m) v^2 / kappa``: the start plus an even share of the memorised features. By
        convexity any other sharing gives more. Kind: order, from below; exact variance given the weights needs G.
        """
        q = self.power
        energy = self.init_std**2 * (self.dimension - 1)
        energy += self.samples / self.neurons * self.memorised_value**2 / self.patch_energy
        moment = exp(log_absolute_moment(2 * q))
        return self.noise_std**q * sqrt((self.patches - 1) * self.neurons * moment * energy**q)

    def start_margin_std(self) -> float:
        """Standard deviation of the clean margin at the start, ``alpha^q U(0) + V_i(0)``. Kind: exact, mean kappa."""
        moment = exp(log_absolute_moment(2 * self.power))
        signal = (self.signal_strength * self.init_std) ** self.power
        noise = sqrt(self.patches - 1) * self.noise_start_std**self.power
        return sqrt(self.neurons * moment * (signal**2 + noise**2))


def _grow(start: float, target: float, rate: float, power: float) -> float:
    if rate == 0:
        return inf
    return float(growth_integral(start, target, power)) / rate if start < target else 0.0
