"""Runs of the gradient flow until every sample is memorised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.stopping import memorised
from cgrosim.studies.context import Context
from cgrosim.studies.recording import record, whole_steps
from cgrosim.studies.starts import chosen_starts

Array = NDArray[np.float64]

PATIENCE = 300.0  # earliest predicted times after which a sample counts as never memorised
LOOKS_A_DECADE = 4  # whether every sample is memorised by now
TOLERANCE = 1e-5  # of the flow: moves a hitting time by about 1e-6, a thousandth of the smallest effect looked for


def small_coupling(dimension: float, seed: int, **changes: object) -> Params:
    """The setting of the memorisation claims: the paper's exponents but init_std = d^-0.33, so that chi vanishes."""
    values: dict[str, object] = {"samples": 100, "patches": 2, "neurons": 10, "init_exponent": -0.33}
    values |= {"init_polylog": 1.0, "engine": "flow", "sampling": "gram", "flow_tolerance": TOLERANCE}
    return Params.from_paper(dimension, **(values | {"seed": seed} | changes))  # type: ignore[arg-type]


def live_seeds(context: Context, name: str, count: int) -> list[int]:
    """Seeds of `small_coupling` from which the signal grows: of ten neurons all start dead once in a thousand.

    Without it no plateau switches a loss off, and nothing that is said of memorisation holds.
    """
    wanted = chosen_starts(
        small_coupling(1e6, 0, samples=1),  # the filters' starts along the feature are the same for any samples
        context.seeds(name, 2 * count + 5),
        count,
        lambda system: bool(np.any(system.signal > 0.0)),
    )
    return [params.seed for params, _ in wanted]


def with_overlaps(system: ClosedSystem, factor: float) -> ClosedSystem:
    """A wrong world: the off-diagonal part of the Gram matrix times a factor (0: none), the starts kept.

    Still a Gram matrix for factors from -1 to 1 where the noise patches are nearly orthogonal (gram-nearly-orthogonal).
    """
    assert system.gram is not None
    alone = np.diag(np.diag(system.gram))
    return replace(system, gram=alone + factor * (system.gram - alone))


def memorisation_times(params: Params, first: float, start: ClosedSystem) -> Array:
    """Steps at which each sample is memorised, infinite where it never is: (N,).

    `first` is the exposure that the fastest sample is predicted to need: it sets when to look, and when to give up.
    """
    end = PATIENCE * 2.0 * first / params.adversarial_weight
    looks = first * 10.0 ** np.arange(0.0, np.log10(end / first), 1.0 / LOOKS_A_DECADE)
    run = record(params, whole_steps(looks), start=start, until=memorised())
    times = run.values("memorization_time")
    return np.where(np.isnan(times), np.inf, times)


def overlaps_of(system: ClosedSystem) -> Array:
    """Signed overlaps y_a y_b K_ab / K_bb of the noise patches of a drawn system (one patch a sample): (N, N)."""
    assert system.gram is not None
    return system.labels[:, None] * system.gram * system.labels[None, :] / np.diag(system.gram)[None, :]
