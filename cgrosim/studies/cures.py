"""What cures robust overfitting in the model: each algorithm beside predictions; planes of decay and gap or samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import UserError
from cgrosim.executors.choice import executor_for
from cgrosim.executors.executor import Lost
from cgrosim.model.params import Params
from cgrosim.model.thresholds import MEMORISED
from cgrosim.predictions.predict import predict
from cgrosim.predictions.predicted import Predictions
from cgrosim.run.session import simulate

if TYPE_CHECKING:
    from cgrosim.sweeps.progress import Watcher

Array = NDArray[np.float64]

DECAY_TIMES = 20.0  # a run with weight decay is so many of its decay times long
AFTERMATH = 3.0  # and one without three times the last predicted memorisation
FINISHED = 2e6  # steps that a run of the discrete engine may take here


@dataclass(frozen=True)
class Figures:
    """What a row says: step of the last memorisation (infinite: not all are), three errors; nan is not known."""

    memorised: float
    robust_train: float
    robust_test: float
    clean_test: float


@dataclass(frozen=True)
class Row:
    """One algorithm: what is predicted from the start, and what a run then did."""

    label: str
    params: Params
    predicted: Figures
    measured: Figures


def cures(base: Params) -> Iterator[tuple[str, Params]]:
    """The algorithms of the table, by name, each with its own length.

    Weight decays are placed by the predicted edges of the start: a quarter of the smallest edge of a sample, three
    times the largest, and three times that of the signal.
    """
    start = predict(base)
    edges, signal = np.asarray(start.value("decay_edges")), float(start.value("decay_signal_edge"))
    times = np.asarray(start.value("memorization_times"))
    steps = int(AFTERMATH * times.max()) if np.all(np.isfinite(times)) else None
    yield "none", base.replace(steps=steps)
    yield "early stopping", base.replace(steps=max(int(0.5 * times.min()), 1))
    for name, decay in (("too little", 0.25 * edges.min()), ("right", 3.0 * edges.max()), ("too much", 3.0 * signal)):
        length = int(np.ceil(DECAY_TIMES / (decay * base.flow_rate)))
        yield f"weight decay, {name}", base.replace(weight_decay=float(decay), steps=length)
    yield "ten times the data", base.replace(samples=10 * base.samples, gap=min(3.0 * base.gap, 1.0))
    yield "weaker attack", base.replace(gap=min(20.0 * base.gap, 1.0))
    # capped margins make the flow stiff, so that plain steps are quicker
    longer = None if steps is None else int(1.5 * times.max())
    yield "label smoothing 0.2", base.replace(label_smoothing=0.2, engine="reduced", steps=longer)
    yield "momentum 0.9", base.replace(momentum=0.9, learning_rate=0.1 * base.learning_rate, steps=steps)
    quarter = max(base.samples // 4, 1)
    if steps is not None and base.samples % quarter == 0 and steps <= FINISHED * AFTERMATH:
        yield "batches of N/4", base.replace(batch_size=quarter, engine="reduced", steps=int(1.3 * times.max()))


def measure(cells: Iterable[tuple[str, Params]], workers: int | None = None) -> list[Row]:
    """The rows of these algorithms in their order, done in this process or by some workers.

    Raises
    ------
    UserError
        If there can be no such number of workers, or they ended over a row again and again.
    """
    rows: dict[str, Row] = {}
    with executor_for(workers, None) as executor:
        for (label, _), row in executor.map(measured_row, order := list(cells)):
            if isinstance(row, Lost):
                raise UserError(row.reason)
            rows[label] = row
    return [rows[label] for label, _ in order]


def measured_row(cell: tuple[str, Params]) -> Row:
    """Predict a row from the start, run it, and look at its end."""
    label, params = cell
    run = simulate(params)
    times = run.data["memorization_time"].values
    last = float(np.max(np.where(np.isnan(times), np.inf, times)))
    errors = (float(run.final(name)) for name in ("robust_train_error", "robust_test_error", "clean_test_error"))
    return Row(label, params, _predicted(params), Figures(last, *errors))


def _predicted(params: Params) -> Figures:
    if params.label_smoothing:
        # every sample memorised at its cap and the signal worn away beside it (theory.label_smoothing): no clean margin
        return Figures(np.nan, 0.0, 0.5, 0.5)
    found = predict(params)
    times = found.value("memorization_times")
    last, end = (float(np.max(times)) if isinstance(times, np.ndarray) else np.inf), _number(found, "end")
    last = np.inf if last > end else last
    return Figures(last, _robust_train(found), _number(found, "robust_test_error"), _number(found, "clean_test_error"))


def _robust_train(found: Predictions) -> float:
    """0 where the attacked margin of every sample is predicted to be positive; nan where that is not said."""
    times, end = found.value("memorization_times"), found.value("end")
    robust = found.value("regime") in ("robust by signal", "robust by decay", "memorised yet robust")
    done = isinstance(times, np.ndarray) and isinstance(end, float) and bool(np.all(times <= end))
    return 0.0 if robust or done else np.nan


def _number(found: Predictions, name: str) -> float:
    value = found.value(name)
    return value if isinstance(value, float) else np.nan


@dataclass(frozen=True)
class DecayPlane:
    """Runs over weight decay and another parameter, and the predicted edges between their outcomes.

    Attributes
    ----------
    across : the other parameter
    decays, values : (D,), (V,)
    robust_test, memorised : (D, V) robust test error and share of memorised samples at the end
    sample_edges : (V, 2) smallest and largest edge of a sample
    signal_edges : (V,) decays above which nothing is learnt
    free : (V,) decays below which the signal runs on to its escape
    """

    across: Literal["gap", "samples"]
    decays: Array
    values: Array
    robust_test: Array
    memorised: Array
    sample_edges: Array
    signal_edges: Array
    free: Array


def decay_plane(
    base: Params,
    decays: Sequence[float],
    over: Mapping[Literal["gap", "samples"], Sequence[float]],
    workers: int | None = None,
    watch: Watcher | None = None,
) -> DecayPlane:
    """One run for every decay and value, each twenty decay times long: a sweep, in this process or by some workers.

    `over` has one parameter and its values. More samples are other samples: each value has its own start.
    """
    from cgrosim.sweeps.sweep import sweep

    ((across, values),) = over.items()
    edges = np.array([_edges(base.replace(**{across: value})) for value in values])
    lengths = [(decay, int(np.ceil(DECAY_TIMES / (decay * base.flow_rate)))) for decay in decays]
    table = sweep(
        base,
        {("weight_decay", "steps"): lengths, across: list(values)},
        seeds=[base.seed],
        keep=("robust_test_error", "memorization"),
        workers=workers,
        watch=watch,
    )
    data = table.data.isel(seed=0).transpose("weight_decay", across, ...)
    # a run of fewer samples has nan where the others have more
    there = data.memorization.notnull()
    memorised = ((data.memorization >= MEMORISED) & there).sum("sample") / there.sum("sample")
    return DecayPlane(
        across,
        np.asarray(decays),
        np.asarray(values),
        data.robust_test_error.values,
        memorised.values,
        edges[:, :2],
        edges[:, 2],
        edges[:, 3],
    )


def _edges(params: Params) -> tuple[float, float, float, float]:
    """Smallest and largest edge of a sample, that of the signal, and that below which the signal runs on."""
    from cgrosim.predictions.values import Window

    found = predict(params)
    samples, window = np.asarray(found.value("decay_edges")), found.value("decay_escape_edges")
    free = window.lower if isinstance(window, Window) else np.nan
    return float(samples.min()), float(samples.max()), _number(found, "decay_signal_edge"), free
