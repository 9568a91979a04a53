"""Hypothesis strategies for property-testing lemmas about tensor-power growth and patch-network training.

Each strategy draws one kind of object a lemma quantifies over: growth sequences, pairs of competing sequences,
parameters inside a named regime, small data sets, weights. A failing example is shrunk to a readable one. A worked
example is in ``docs/property-testing.md``. Needs hypothesis (``pip install hypothesis``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as numpy_strategies
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError("cgrosim.testing needs hypothesis; run 'pip install hypothesis'.") from error

__all__ = [
    "ComparisonPair",
    "GrowthSequence",
    "Regime",
    "comparison_pairs",
    "data_sets",
    "growth_sequences",
    "log_uniform",
    "powers",
    "regimes",
    "weights",
]

Array = NDArray[np.float64]
Regime = Literal["any", "paper", "cgro", "standard"]

# Powers x^{q-2} are kept inside e^{+-500}, far from the over- and underflow of floats at e^{+-708}.
_LOG_RANGE = 500.0


@checked
def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    """Positive floats whose logarithm is what is searched: every decade of [low, high] is equally near."""
    if not 0.0 < low <= high < np.inf:
        raise ParameterError(f"low and high are {low:g} and {high:g}, but must be positive, finite and in order.")
    return st.floats(np.log(low), np.log(high)).map(lambda x: float(np.clip(np.exp(x), low, high)))


@checked
def powers(low: float = 2.0, high: float = 8.0) -> st.SearchStrategy[float]:
    """Real powers q in [low, high], with q = 2, 2.01, 2.5, 3, 4 and 5 drawn often where they are inside."""
    if not 1.0 <= low <= high < np.inf:
        raise ParameterError(f"low and high are {low:g} and {high:g}, but must be in order, finite and at least 1.")
    special = [q for q in (3.0, 2.0, 4.0, 2.01, 2.5, 5.0) if low <= q <= high]
    anywhere = st.floats(low, high)
    return st.sampled_from(special) | anywhere if special else anywhere


def _at_least(least: float, **given: float) -> None:
    """Refuse sizes of which there is nothing to draw."""
    for name, value in given.items():
        if not least <= value < np.inf:
            raise ParameterError(f"{name} is {value:g}, but must be at least {least:g}.")


def _few(numbers: Array) -> str:
    shown = [f"{x:.6g}" for x in (numbers if len(numbers) <= 7 else [*numbers[:4], *numbers[-2:]])]
    return f"[{', '.join(shown if len(numbers) <= 7 else [*shown[:4], '...', *shown[4:]])}]"


class _Brief:
    """Printing in a few numbers, however long the sequences: by repr, and by hypothesis' own printer."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@dataclass(frozen=True, repr=False)
class GrowthSequence(_Brief):
    """A sequence ``x_{t+1} = x_t + c_t x_t^{q-1}`` up to the first x_T at or above the target.

    Attributes
    ----------
    start, target, power
        x_0 > 0, v with x_{T-1} < v <= x_T, and q >= 2.
    rates : (T,) array
        c_t > 0.
    values : (T + 1,) array
        x_0, ..., x_T.
    relative_growth : (T,) array
        g_t = c_t x_t^{q-2} = x_{t+1} / x_t - 1.
    """

    start: float
    target: float
    power: float
    rates: Array
    values: Array
    relative_growth: Array

    @property
    def steps(self) -> int:
        """T, the first t with x_t >= target."""
        return len(self.rates)

    @property
    def kappa(self) -> float:
        """The largest relative growth, max over t < T."""
        return float(self.relative_growth.max())

    def __repr__(self) -> str:
        """Show what matters of a counterexample."""
        return (
            f"GrowthSequence(start={self.start:.6g}, target={self.target:.6g}, power={self.power:.6g}, "
            f"steps={self.steps}, rates={_few(self.rates)}, values={_few(self.values)})"
        )


@checked
@st.composite
def growth_sequences(
    draw: st.DrawFn,
    *,
    power: st.SearchStrategy[float] | None = None,
    start: st.SearchStrategy[float] | None = None,
    relative_growth: st.SearchStrategy[float] | None = None,
    max_steps: int = 60,
    constant_rate: bool = False,
) -> GrowthSequence:
    """Growth sequences: any positive start, any target it reaches, any positive rates.

    Parameters
    ----------
    power
        Strategy for q; default :func:`powers`, real numbers in [2, 8].
    start
        Strategy for x_0; default log-uniform in [1e-9, 1e3].
    relative_growth
        Strategy for each ``g_t = c_t x_t^{q-2}``, from which c_t is computed: this reaches every positive sequence of
        rates and keeps kappa in hand. Default log-uniform in [1e-4, 30]. With `constant_rate` it is g_0.
    max_steps
        Longest sequence. Constant-rate sequences end there at the latest, so give thousands.
    constant_rate
        Whether all c_t are equal, as under gradient descent at zero margin.
    """
    _at_least(1, max_steps=max_steps)
    q = draw(powers() if power is None else power)
    x = draw(log_uniform(1e-9, 1e3) if start is None else start)
    growths = log_uniform(1e-4, 30.0) if relative_growth is None else relative_growth
    if constant_rate:
        drawn, ratio = [draw(growths)], draw(log_uniform(1.001, 1e6))
        rate, goal = drawn[0] * x ** (2 - q), x * ratio
    else:
        drawn, rate, goal = draw(st.lists(growths, min_size=1, max_size=max_steps)), 0.0, np.inf
    values: list[float] = [x]
    rates: list[float] = []
    used: list[float] = []
    while len(rates) < (max_steps if constant_rate else len(drawn)) and values[-1] < goal:
        x = values[-1]
        if used and (q - 2) * abs(np.log(x)) > _LOG_RANGE:
            break
        growth = rate * x ** (q - 2) if constant_rate else drawn[len(rates)]
        rates.append(rate if constant_rate else growth * x ** (2 - q))
        used.append(growth)
        values.append(x * (1 + growth))
    # Anywhere in (x_{T-1}, x_T]; both ends matter: just above x_{T-1} the lower bounds are tight, at x_T the upper.
    place = draw(st.sampled_from([1.0, 0.0, 0.5]) | st.floats(0, 1))
    target = max(np.nextafter(values[-2], np.inf), values[-2] + place * (values[-1] - values[-2]))
    return GrowthSequence(
        values[0], float(min(target, values[-1])), q, np.array(rates), np.array(values), np.array(used)
    )


@dataclass(frozen=True, repr=False)
class ComparisonPair(_Brief):
    """Two sequences on the same clock: x grows at least at rate c_t, y at most at S c_t.

    ``x_{t+1} >= x_t + c_t x_t^{q-1}``, ``y_{t+1} <= y_t + S c_t y_t^{q-1}``.

    Attributes
    ----------
    power, rate_ratio
        q >= 2 and S > 0.
    rates : (T,) array
        c_t > 0.
    fast, slow : (T + 1,) arrays
        x and y; y stops growing at 1e100 so that losing pairs stay finite.
    kappa
        max c_t x_t^{q-2}, of the fast sequence.
    """

    power: float
    rate_ratio: float
    rates: Array
    fast: Array
    slow: Array
    kappa: float

    def __repr__(self) -> str:
        """Show what matters of a counterexample."""
        return (
            f"ComparisonPair(power={self.power:.6g}, rate_ratio={self.rate_ratio:.6g}, rates={_few(self.rates)}, "
            f"fast={_few(self.fast)}, slow={_few(self.slow)})"
        )


@checked
@st.composite
def comparison_pairs(
    draw: st.DrawFn,
    *,
    power: st.SearchStrategy[float] | None = None,
    relative_growth: st.SearchStrategy[float] | None = None,
    rate_ratio: st.SearchStrategy[float] | None = None,
    advantage: st.SearchStrategy[float] | None = None,
    max_steps: int = 60,
) -> ComparisonPair:
    """Pairs of competing sequences, for lemmas that compare who grows first.

    Parameters
    ----------
    power, relative_growth, max_steps
        As in :func:`growth_sequences`; the growth is that of the fast sequence at its guaranteed rate.
    rate_ratio
        Strategy for S; default log-uniform in [0.01, 100].
    advantage
        Strategy for ``x_0 / (S^{1/(q-2)} y_0)`` (for q near 2, where that power explodes, x_0 / y_0); default
        log-uniform in [0.5, 100], so that losing pairs are drawn too.
    """
    sequence = draw(
        growth_sequences(
            power=power, relative_growth=relative_growth, start=log_uniform(1e-3, 1e3), max_steps=max_steps
        )
    )
    q, x0 = sequence.power, sequence.start
    ratio = draw(log_uniform(0.01, 100.0) if rate_ratio is None else rate_ratio)
    lead = draw(log_uniform(0.5, 100.0) if advantage is None else advantage)
    y0 = x0 / lead / (ratio ** (1 / (q - 2)) if q > 2.1 else 1.0)
    generous = draw(st.sampled_from([0.0, 0.1, 3.0]))  # how far inside the two inequalities the steps lie
    fast, slow = [x0], [y0]
    rates: list[float] = []
    for growth in sequence.relative_growth:
        x, y = fast[-1], slow[-1]
        if rates and (q - 2) * abs(np.log(x)) > _LOG_RANGE:
            break
        rates.append(growth * x ** (2 - q))
        fast.append(x * (1 + growth * (1 + generous)))
        with np.errstate(over="ignore"):  # a losing pair may leap beyond every float; it is capped below
            gain = ratio * growth * (np.float64(y) / x) ** (q - 2) / (1 + generous)
            slow.append(float(min(y * (1 + gain), max(1e100, y))))
    kappa = float(sequence.relative_growth[: len(rates)].max())
    return ComparisonPair(q, ratio, np.array(rates), np.array(fast), np.array(slow), kappa)


@checked
@st.composite
def regimes(
    draw: st.DrawFn,
    regime: Regime = "paper",
    *,
    max_dimension: int = 10**12,
    max_samples: int = 30,
    max_neurons: int = 20,
    **fixed: Any,
) -> Params:
    """Valid parameters inside a named regime, at signal-only threats.

    * ``any``: every valid combination of sizes, strengths and weights; nothing grows in any particular order.
    * ``paper``: the paper's exponents at a random dimension, sizes, adversarial weight in [0.05, 0.95].
    * ``cgro``: inside ``paper``, dimension at least 1e4, at least 8 neurons, q = 3, adversarial weight in [0.2, 0.8],
      few samples against the dimension: every hypothesis of the theorem holds with positive slack.
    * ``standard``: as ``cgro`` with adversarial weight 0, the control.

    Parameters
    ----------
    regime
        One of the names above.
    max_dimension, max_samples, max_neurons
        Upper limits; lower them where each example is simulated.
    **fixed
        Fields of :class:`cgrosim.Params` held fixed, such as ``steps=100`` or ``engine="reduced"``.
    """
    theorem = regime in ("cgro", "standard")
    least_dimension = 10**4 if theorem else 2
    if max_dimension < least_dimension:
        raise ParameterError(
            f"regime {regime} needs a max_dimension of at least {least_dimension}, not {max_dimension}."
        )
    _at_least(2 if theorem else 1, max_samples=max_samples)
    _at_least(8 if theorem else 1, max_neurons=max_neurons)
    values: dict[str, Any] = {
        "dimension": round(draw(log_uniform(least_dimension, max_dimension))),
        "patches": draw(st.integers(2, 4)),
        "samples": draw(st.integers(2 if theorem else 1, max_samples)),
        "neurons": draw(st.integers(8 if theorem else 1, max_neurons)),
        "power": 3.0 if theorem else draw(powers(2.0, 5.0)),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }
    if regime == "any":
        values |= {
            "signal_strength": draw(log_uniform(0.1, 100.0)),
            "noise_std": draw(log_uniform(1e-3, 1.0)),
            "init_std": draw(log_uniform(1e-4, 1.0)),
            "gap": draw(st.floats(0, 1)),
            "adversarial_weight": draw(st.floats(0, 1)),
            "learning_rate": draw(log_uniform(1e-4, 1.0)),
            "threat": draw(st.sampled_from(["signal_span", "fixed_direction", "none"])),
        }
        return Params(**{**values, **fixed})
    weight = {"paper": (0.05, 0.95), "cgro": (0.2, 0.8), "standard": (0.0, 0.0)}[regime]
    values["adversarial_weight"] = draw(st.floats(*weight))
    return Params.from_paper(**{**values, **fixed})


@checked
@st.composite
def data_sets(
    draw: st.DrawFn, *, max_samples: int = 4, max_patches: int = 3, max_dimension: int = 6, max_entry: float = 3.0
) -> PatchData:
    """Small data sets of the patch distribution, drawn entry by entry: counterexamples shrink to a few numbers.

    Labels, positions of the signal patch, a unit direction and noise patches orthogonal to it (to rounding), entries at
    most `max_entry` in size; zero and repeated patches are included, as no lemma about all data may exclude them.
    """
    _at_least(1, max_samples=max_samples)
    _at_least(2, max_patches=max_patches, max_dimension=max_dimension)
    _at_least(0.0, max_entry=max_entry)
    samples, patches = draw(st.integers(1, max_samples)), draw(st.integers(2, max_patches))
    dimension = draw(st.integers(2, max_dimension))
    entries = st.floats(-max_entry, max_entry, allow_subnormal=False)
    signs = st.sampled_from([1.0, -1.0])
    labels = draw(numpy_strategies.arrays(np.float64, samples, elements=signs))
    position = draw(numpy_strategies.arrays(np.int64, samples, elements=st.integers(0, patches - 1)))
    raw = draw(numpy_strategies.arrays(np.float64, dimension, elements=st.floats(-1, 1, allow_subnormal=False)))
    direction = raw + (np.linalg.norm(raw) < 0.1) * np.eye(dimension)[0]
    direction = direction / np.linalg.norm(direction)
    noise = draw(numpy_strategies.arrays(np.float64, (samples, patches - 1, dimension), elements=entries))
    for _ in range(2):  # the second projection removes the rounding of the first
        noise = noise - (noise @ direction)[..., None] * direction
    return PatchData(labels, position, noise, direction, draw(log_uniform(0.1, 10.0)))


@checked
def weights(neurons: int | st.SearchStrategy[int], dimension: int, max_entry: float = 2.0) -> st.SearchStrategy[Array]:
    """Weights (neurons, dimension), entries at most `max_entry` in size; `neurons` is a number or a strategy.

    Use with ``data.draw(weights(3, data_set.direction.size))`` where the dimension comes from a drawn data set.
    """
    _at_least(1, dimension=dimension)
    _at_least(0.0, max_entry=max_entry)
    if isinstance(neurons, int):
        _at_least(1, neurons=neurons)
    counts = st.just(neurons) if isinstance(neurons, int) else neurons
    entries = st.floats(-max_entry, max_entry, allow_subnormal=False)
    return counts.flatmap(lambda m: numpy_strategies.arrays(np.float64, (m, dimension), elements=entries))
