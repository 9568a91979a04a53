"""Where a run starts, as the theory wants it: from a drawn system, from parameters before any run, or from a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.planning import plan
from cgrosim.run.start import draw_system

if TYPE_CHECKING:
    from cgrosim.run.results import Run

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Starts:
    """Where a run starts, as the theory wants it.

    Attributes
    ----------
    signal : (m,) array of u_r(0)
    noise : (N, (P-1) m) array of v_{r,i,j}(0), the neuron running fastest
    energy : (N, (P-1) m) array, |X_i[j]|^2 of the patch of each entry
    """

    signal: Array
    noise: Array
    energy: Array


def starts_of_system(params: Params, system: ClosedSystem) -> Starts:
    """Signed noise starts and patch energies of a drawn system, one row a sample.

    Where there are vectors the energies are sums over them, whether a Gram matrix was computed or not, so that one
    start has one prediction whatever the engine.
    """
    if system.data is not None:
        energy = np.sum(system.data.noise**2, axis=-1)
    else:
        assert system.gram is not None
        energy = np.diag(system.gram)
    shape = (params.samples, params.patches - 1, params.neurons)
    signed = system.labels[:, None, None] * system.noise.reshape(shape)
    spread = np.broadcast_to(energy.reshape(params.samples, params.patches - 1, 1), shape)
    return Starts(system.signal, signed.reshape(params.samples, -1), spread.reshape(params.samples, -1))


def draw_starts(params: Params) -> Starts:
    """The starts that `cgrosim.simulate` will draw from these parameters and their seed.

    Raises
    ------
    ParameterError
        If `simulate` would refuse the parameters: too large for this machine, or the dimension too small.
    """
    return starts_of_system(params, draw_system(params, plan(params, params.steps)))


def starts_of_run(run: Run) -> Starts | None:
    """The starts of a run; None if they are not the recorded ones (drawn again, but the run is another version's).

    Raises
    ------
    ParameterError
        If the run was given its start and its file does not hold it.
    """
    starts = starts_of_system(run.params, run.start)
    if "signal_correlation" not in run.data or run.data.sizes["step"] == 0:
        return starts
    recorded = run.data["signal_correlation"].isel(step=0).values
    # a sum of d products differs by at most d eps between orders of summation; 1e-8 covers any d that has vectors
    same = np.allclose(starts.signal, recorded, rtol=0.0, atol=1e-8 * float(np.max(np.abs(starts.signal))))
    return starts if same else None
