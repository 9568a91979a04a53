"""The table of recorded quantities: one decorated function each, and nothing elsewhere to be touched for a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cgrosim.errors import ParameterError
from cgrosim.files.words import quoted, suggested
from cgrosim.model.params import Params
from cgrosim.run.observation import Observation, share_not_positive, share_wrong

Between = Literal["log", "linear", "held"]


@dataclass(frozen=True)
class Quantity:
    """What is recorded under one name.

    Attributes
    ----------
    name, long_name, units : as in the dataset; correlations carry the unit of a weight times that of an input
    dimensions : names of the dimensions after ``step``
    measure : from some states in a row to their values, the first axis counting the states
    option : the entry of ``params.record`` that asks for it; None: recorded always
    tested : whether it needs fresh samples, so that it is recorded only where ``params.test_samples`` is not 0
    between : how it is read between two records: interpolated linearly in log(1 + step) or in the step, or held
    named : whether it is recorded only where ``keep`` names it
    """

    name: str
    long_name: str
    units: str
    dimensions: tuple[str, ...]
    measure: Callable[[Observation], Any]
    option: str | None = None
    tested: bool = False
    between: Between = "log"
    named: bool = False

    def missing_for(self, params: Params) -> str:
        """What these parameters lack for it, in words; empty if nothing."""
        if self.option is not None and self.option not in params.record:
            return f"give record='{self.option}'"
        return "give test_samples" if self.tested and params.test_samples == 0 else ""


QUANTITIES: dict[str, Quantity] = {}
RENAMED = {"signal_strength": "learnt_signal"}
"""Names in files of the first format, and what they are now."""


def quantity(
    long_name: str,
    *,
    dimensions: tuple[str, ...] = (),
    units: str = "1",
    option: str | None = None,
    tested: bool = False,
    between: Between = "log",
    named: bool = False,
) -> Callable[[Callable[[Observation], Any]], Callable[[Observation], Any]]:
    """Enter a function into the table, under its own name."""

    def enter(measure: Callable[[Observation], Any]) -> Callable[[Observation], Any]:
        name = measure.__name__
        QUANTITIES[name] = Quantity(name, long_name, units, dimensions, measure, option, tested, between, named)
        return measure

    return enter


def recorded(params: Params, keep: Iterable[str] | None = None, also: Iterable[str] = ()) -> list[Quantity]:
    """The quantities that a run records: all its parameters ask for, or those of them named in `keep`.

    Names in `also` (the hitting times, which every run has) may stand in `keep` and change nothing.

    Raises
    ------
    ParameterError
        If a name is unknown, or is not recorded with these parameters.
    """
    if keep is None:
        return [q for q in QUANTITIES.values() if not q.named and not q.missing_for(params)]
    names, known = [keep] if isinstance(keep, str) else list(keep), [*QUANTITIES, *also]
    for name in names:
        if name not in known:
            hint = suggested(name, known, "take some of")
            raise ParameterError(f"keep names {quoted(name)}, which no run records; {hint}")
        missing = QUANTITIES[name].missing_for(params) if name in QUANTITIES else ""
        if missing:
            raise ParameterError(f"keep names {name!r}, which these parameters do not record; {missing} as well.")
    return [q for q in QUANTITIES.values() if q.name in names]


def record_sizes(params: Params) -> dict[str, int]:
    """Sizes of the dimensions of records, without the steps."""
    return {
        "neuron": params.neurons,
        "neuron_column": params.neurons,
        "sample": params.samples,
        "patch": params.patches - 1,
        "coordinate": params.dimension,
    }


@quantity("true-feature correlation u of each neuron", dimensions=("neuron",))
def signal_correlation(o: Observation) -> Any:
    return o.signal


@quantity("learnt signal U = sum of phi(u)")
def learnt_signal(o: Observation) -> Any:
    return o.learnt()


@quantity("share of the clean margin due to the true feature, alpha^q U")
def signal_margin(o: Observation) -> Any:
    return o.over_labels(lambda label: o.signal_share(label, o.params.signal_strength))


@quantity("share of the attacked margin due to the true feature")
def attacked_signal_margin(o: Observation) -> Any:
    closed = o.params.measures_robustness and o.params.evaluation.signal_only
    return o.over_labels(o.attacked_share) if closed else np.full(len(o.step), np.nan)


@quantity("memorised noise V of each training sample", dimensions=("sample",))
def memorization(o: Observation) -> Any:
    return o.memorization


@quantity("largest noise correlation v over neurons and patches", dimensions=("sample",))
def noise_correlation_max(o: Observation) -> Any:
    return o.noise_correlation.max(axis=(2, 3))


@quantity("largest noise correlation v over training samples and patches", dimensions=("neuron",))
def neuron_noise_max(o: Observation) -> Any:
    return o.noise_correlation.max(axis=(1, 2))


@quantity("clean margin of each training sample", dimensions=("sample",), named=True)
def clean_margin(o: Observation) -> Any:
    return o.clean_margin


@quantity("attacked margin of each training sample", dimensions=("sample",), named=True)
def attacked_margin(o: Observation) -> Any:
    return o.attacked_margin


@quantity(
    "Gram matrix of the weights projected off the true feature", dimensions=("neuron", "neuron_column"), named=True
)
def weight_gram(o: Observation) -> Any:
    return o.weight_gram


@quantity("clean training loss", units="nat")
def clean_loss(o: Observation) -> Any:
    return o.clean_loss


@quantity("training loss under the attack of evaluation", units="nat")
def adversarial_loss(o: Observation) -> Any:
    return o.adversarial_loss


@quantity("training loss, (1 - weight) clean + weight adversarial", units="nat")
def training_loss(o: Observation) -> Any:
    return o.smoothed_loss


@quantity("clean training error", between="held")
def clean_train_error(o: Observation) -> Any:
    return share_not_positive(o.clean_margin)


@quantity("robust training error", between="held")
def robust_train_error(o: Observation) -> Any:
    return share_wrong(o.attacked_margin)


@quantity("clean test error", tested=True, between="held")
def clean_test_error(o: Observation) -> Any:
    return o.tests["clean_test_error"]


@quantity("robust test error", tested=True, between="held")
def robust_test_error(o: Observation) -> Any:
    return o.tests["robust_test_error"]


@quantity("standard deviation of the noise S in the margin of a fresh sample", tested=True)
def test_noise_std(o: Observation) -> Any:
    return o.tests["test_noise_std"]


@quantity("training time, learning_rate * step", between="linear")
def time(o: Observation) -> Any:
    return o.params.learning_rate * o.step


@quantity("noise correlation v = y <w, X[j]>", dimensions=("neuron", "sample", "patch"), option="noise_correlation")
def noise_correlation(o: Observation) -> Any:
    return np.moveaxis(o.noise_correlation, 3, 1)


@quantity("coefficient A of the true feature in the weights", dimensions=("neuron",), option="coefficients")
def signal_coefficient(o: Observation) -> Any:
    return o.signal - o.start.signal


@quantity(
    "coefficient B of a noise patch in the weights", dimensions=("neuron", "sample", "patch"), option="coefficients"
)
def noise_coefficient(o: Observation) -> Any:
    assert o.trail.coefficients is not None
    shape = (-1, o.params.samples, o.params.patches - 1, o.params.neurons)
    return np.moveaxis(o.trail.coefficients.reshape(shape), 3, 1)


@quantity("filters", dimensions=("neuron", "coordinate"), option="weights")
def weights(o: Observation) -> Any:
    return o.trail.weights
