"""Runs of `simulate` that record what a study asks for at the steps it asks for, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.interrupts import raising_interrupts
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.quantities import QUANTITIES
from cgrosim.run.results import Run
from cgrosim.run.session import simulate
from cgrosim.run.stopping import StopRule

Array = NDArray[np.float64]


def record(
    params: Params,
    at: ArrayLike,
    *names: str,
    start: ClosedSystem | None = None,
    until: StopRule | None = None,
) -> Run:
    """Simulate up to the last of the steps `at` (or until the rule holds) and record these quantities there.

    What `params` say of records and steps does not count; hitting times are known whatever is recorded.
    """
    options = tuple(sorted({option for name in names if (option := QUANTITIES[name].option)}))
    if params.steps is not None or params.record != options:
        params = params.replace(steps=None, record=options)
    with raising_interrupts():  # half a run is none
        run = simulate(params, start=start, record_at=at, until=until, keep=names)
    assert run.status == "finished", run.message
    return run


def projections(run: Run) -> Array:
    """Projections C = <w_r, X_k> on the noise patches at every record: (records, M, m); needs noise_correlation."""
    return noise_rows(run.start.labels[:, None] * run.values("noise_correlation"))


def noise_rows(recorded: Array) -> Array:
    """Records by (neuron, sample, patch) as those by noise row k = i (P - 1) + j and neuron: (records, M, m)."""
    records, neurons = recorded.shape[:2]
    return np.moveaxis(recorded, 1, 3).reshape(records, -1, neurons)


def whole_steps(times: Sequence[float] | Array) -> NDArray[np.int64]:
    """Times in steps as an increasing grid to record at, each cut to a whole step."""
    return np.unique(np.asarray(times).astype(np.int64))
