"""The predicted times and edges as single numbers, without the laws and curves that take longer than a small run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cgrosim.model.params import Params
from cgrosim.predictions.predict import experiment_of, value_of
from cgrosim.predictions.quantities import QUANTITIES
from cgrosim.predictions.setting import why_not
from cgrosim.predictions.values import Value


@dataclass(frozen=True)
class Number:
    """A number made of a predicted quantity.

    Attributes
    ----------
    quantity : its name in `cgrosim.predictions.quantities`
    meaning, unit : in words
    reduced : from the quantity's value, and the experiment, to the number
    """

    quantity: str
    meaning: str
    unit: str
    reduced: Callable[[Value, Params], float]


def _itself(value: Value, _: Params) -> float:
    assert isinstance(value, float)
    return value


def _decay_over(edges: Value, params: Params) -> float:
    """Log of the weight decay over the largest of some edges; infinite where there is none."""
    with np.errstate(divide="ignore"):
        return float(np.log(params.weight_decay) - np.log(np.max(np.asarray(edges))))


NUMBERS: dict[str, Number] = {
    "signal_growth_time": Number("signal_growth_time", "predicted T_I, from the start", "step", _itself),
    "escape_time": Number("escape_time", "predicted T_esc, from the start", "step", _itself),
    "median_memorization_time": Number(
        "memorization_times", "predicted time at which half of the samples are memorised", "step",
        lambda times, _: float(np.median(np.asarray(times))),
    ),
    "last_memorization_time": Number(
        "memorization_times", "predicted T_mem, every sample memorised, from the start", "step",
        lambda times, _: float(np.max(np.asarray(times))),
    ),
    "memorise_escape_log_ratio": Number(
        "memorise_escape_log_ratio", "predicted log(T_i / T_esc): negative memorises first", "1", _itself
    ),
    "overfitting_log_ratio": Number(
        "overfitting_log_ratio", "predicted log of attacked signal over test noise: negative overfits", "1", _itself
    ),
    "memorise_escape_gap": Number(
        "memorise_escape_gap", "predicted gap above which the attacked signal grows first", "1", _itself
    ),
    "overfitting_gap": Number(
        "overfitting_gap", "predicted gap below which the test noise covers the attacked signal", "1", _itself
    ),
    "decay_memory_log_ratio": Number(
        "decay_edges", "predicted log of weight decay over the largest edge of a sample: positive memorises nobody",
        "1", _decay_over,
    ),
    "decay_signal_log_ratio": Number(
        "decay_signal_edge", "predicted log of weight decay over the edge of the signal: positive learns nothing",
        "1", _decay_over,
    ),
}  # fmt: skip
"""By name; the first four are of what a run measures under the same name, the last two are nan without weight decay."""


def predicted_numbers(params: Params) -> dict[str, float]:
    """Every number of `NUMBERS`, as `cgrosim.predict` finds it; nan where the theory is silent, infinite for never."""
    if why_not(params):
        return dict.fromkeys(NUMBERS, np.nan)
    experiment = experiment_of(params)
    wanted = {
        number.quantity for number in NUMBERS.values() if params.weight_decay or number.reduced is not _decay_over
    }
    found = {q.name: value_of(q, experiment)[0] for q in QUANTITIES if q.name in wanted}
    return {
        name: np.nan if (value := found.get(number.quantity)) is None else number.reduced(value, params)
        for name, number in NUMBERS.items()
    }


def predicted_end(params: Params) -> float:
    """The step at which the predicted story ends; nan where the theory is silent."""
    if why_not(params):
        return np.nan
    value, _ = value_of(next(q for q in QUANTITIES if q.name == "end"), experiment_of(params))
    return np.nan if value is None else _itself(value, params)
