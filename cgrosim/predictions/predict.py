"""Predict an experiment before it is run, or a run from where it started."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.model.params import Params
from cgrosim.predictions.edge_slacks import FAMILY, edge_slacks
from cgrosim.predictions.experiment import Experiment, Silent, first_line
from cgrosim.predictions.predicted import Prediction, Predictions
from cgrosim.predictions.quantities import QUANTITIES, Quantity
from cgrosim.predictions.regime import Slack, all_slacks
from cgrosim.predictions.setting import why_not
from cgrosim.predictions.starts import draw_starts, starts_of_run
from cgrosim.predictions.values import Value
from cgrosim.run.results import Run
from cgrosim.theory.minibatches import Drawing, memorisation_time_variance

CHI_SHARP = 0.1  # coupling below which the decoupled time of a single sample is right within some ten per cent
FOREIGN = "this run's starts cannot be drawn again by this version"


@checked
def predict(params_or_run: Params | Run) -> Predictions:
    """Everything the theory predicts for an experiment, with units, sources and the hypotheses it rests on.

    Parameters
    ----------
    params_or_run
        Parameters: the start is drawn that `cgrosim.simulate` will draw from them, and nothing is simulated. A run:
        the predictions are made from the start of the run, whatever happened in it.

    Returns
    -------
    Predictions
        Every quantity of the table `cgrosim.predictions.quantities.QUANTITIES`; where the theory is silent its value
        is None and ``why_not`` says why. ``print`` shows a table, ``plot(run)`` draws over a run, ``to_dict`` is JSON.

    Raises
    ------
    UserError
        If the argument is neither parameters nor a run.
    """
    params = params_or_run if isinstance(params_or_run, Params) else params_or_run.params
    silent = why_not(params)
    if silent:
        why = silent.removeprefix("No predictions: ")
        return Predictions(params, tuple(_entry(quantity, {}, None, why) for quantity in QUANTITIES), (), (silent,))
    experiment = experiment_of(params_or_run)
    regime, outside = _regime(params)
    entries = tuple(_evaluated(quantity, experiment, regime) for quantity in QUANTITIES)
    found = Predictions(params, entries)
    edges = edge_slacks(params.weight_decay, found.value)
    named = (Slack(f"{FAMILY}: {each.name}", each.statement, each.slack) for each in edges)
    notes = (*outside, *_notes(found, experiment), *_beside_edges(params.weight_decay, edges))
    return Predictions(params, entries, (*regime.values(), *named), notes)


def _beside_edges(weight_decay: float, edges: tuple[Slack, ...]) -> Iterator[str]:
    """Where the weight decay stands, in a sentence; nothing where no edge is predicted."""
    if edges:
        told = ", ".join(f"{each.name.replace('-', ' ')} {each.slack:+.3g}" for each in edges)
        yield f"Weight decay {weight_decay:g} beside its edges, as logarithms of ratios (+ is true, - is not): {told}."


def experiment_of(params_or_run: Params | Run) -> Experiment:
    """The experiment with its start; without one, and the reason, where there is none to be had."""
    try:
        with np.errstate(all="ignore"):
            if isinstance(params_or_run, Params):
                params, starts = params_or_run, draw_starts(params_or_run)
            else:
                params, found = params_or_run.params, starts_of_run(params_or_run)
                if found is None:
                    return Experiment(params, None, FOREIGN)
                starts = found
    except (ParameterError, ArithmeticError) as error:
        params = params_or_run if isinstance(params_or_run, Params) else params_or_run.params
        return Experiment(params, None, f"no start: {first_line(error)}")
    if not all(np.all(np.isfinite(values)) for values in (starts.signal, starts.noise, starts.energy)):
        return Experiment(params, None, "no start: its correlations are beyond the range of numbers")
    return Experiment(params, starts)


def _regime(params: Params) -> tuple[dict[str, Slack], tuple[str, ...]]:
    """Slack of every hypothesis by name; none, and a note, where floating-point numbers do not reach that far."""
    try:
        with np.errstate(all="ignore"):
            return {slack.name: slack for slack in all_slacks(params)}, ()
    except (ArithmeticError, ValueError) as error:
        return {}, (f"The hypotheses cannot be evaluated at these parameters ({first_line(error)}).",)


def _evaluated(quantity: Quantity, experiment: Experiment, regime: dict[str, Slack]) -> Prediction:
    return _entry(quantity, regime, *value_of(quantity, experiment))


def value_of(quantity: Quantity, experiment: Experiment) -> tuple[Value | None, str]:
    """The value of one quantity; where there is none, None and why not."""
    try:
        with np.errstate(all="ignore"):
            value = quantity.function(experiment)
    except Silent as reason:
        return None, str(reason)
    except (ArithmeticError, ValueError) as error:
        # The formulas say what they need; a number too large or too small for them is no fault of the user's.
        return None, f"no value at these parameters: {first_line(error)}"
    if isinstance(value, float) and np.isnan(value):
        return None, "no value at these parameters: beyond the range of numbers"
    return value, ""


def _entry(quantity: Quantity, regime: dict[str, Slack], value: Value | None, why: str) -> Prediction:
    names = dict.fromkeys(quantity.hypotheses)
    return Prediction(
        quantity.name,
        quantity.meaning,
        quantity.unit,
        quantity.kind,
        quantity.source,
        value,
        tuple(regime[name] for name in names if name in regime),
        why,
    )


def _notes(found: Predictions, experiment: Experiment) -> tuple[str, ...]:
    """Which parts apply and how far, in sentences."""
    notes = []
    chi, times, escape = (found.value(name) for name in ("coupling", "memorization_times", "escape_time"))
    silent = {entry.why_not for entry in found if entry.value is None}
    for why in sorted(why for why in silent if why.startswith(("no start", FOREIGN))):
        notes.append(f"No predictions from a start: {why.removeprefix('no start: ')}".rstrip(".") + ".")
    if found.value("regime") == "no signal":
        notes.append("Every neuron starts dead, so no signal is predicted to grow.")
    if chi is not None and chi > CHI_SHARP:
        notes.append(
            f"The coupling chi is {chi:.2g}: memorised samples move the others, so the times of single "
            "samples are right within a factor only."
        )
    law = found.value("memorization_quantiles")
    if times is not None and law is not None and np.isfinite(escape) and escape < law.median:
        notes.append("The attacked signal is predicted to grow first: robust generalization, not memorisation.")
    p = experiment.params
    if p.batch_size is not None and times is not None and np.any(np.isfinite(times)):
        median = float(np.median(times[np.isfinite(times)]))
        drawing: Drawing = "with" if p.batch_replacement else "without"
        spread = float(np.sqrt(memorisation_time_variance(median, p.samples, p.batch_size, drawing=drawing)))
        notes.append(
            f"Batches of {p.batch_size}: log T_i of a sample varies by some {spread:.2g} (standard deviation) with the "
            "draws of the batches."
        )
    if not experiment.adversarial and not experiment.labelled:
        notes.append("Standard training: no memorisation is predicted, the noise stops with the clean loss.")
    return tuple(notes)
