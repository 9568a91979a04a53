"""What every engine offers: advance to a step, take a snapshot, save and restore its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.hitting_times import HITTING_TIMES

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Divergence:
    """Where and when a run left the finite numbers."""

    step: float
    neuron: int
    row: int  # noise row k = i (P - 1) + j, or -1 for the true correlation itself

    def sentence(self, learning_rate: float, advice: str, patches: int) -> str:
        """What happened and what to change."""
        place = "its true correlation" if self.row < 0 else f"training sample {self.row // (patches - 1)}"
        return (
            f"The run diverged at step {self.step:g} (neuron {self.neuron}, {place}): learning_rate {learning_rate:g} "
            f"is too large here; {advice}. Everything before that step is kept."
        )


class Stuck(Divergence):
    """Where and when an integration came to a stand, though its numbers are finite."""

    def sentence(self, learning_rate: float, advice: str, patches: int) -> str:
        """What happened and what to change."""
        return (
            f"The gradient flow came to a stand at step {self.step:.3g}: the force there is beyond floating point, or "
            "changes faster by many orders of magnitude than the training goes on; take engine reduced or direct, or "
            "scales nearer to one another. Everything before that step is kept."
        )


class Crossings:
    """First steps at which the events of `HITTING_TIMES` happened; nan where they have not.

    Each is an attribute by its name: ``crossings.grown`` is a number, ``crossings.memorised`` an array (N,). For an
    activation that is not odd, the signal has grown (escaped) when its margin has reached the threshold for both
    labels; the recorder's signal margins are their average.

    Attributes
    ----------
    times : by event, arrays (1,), or (N,) where every sample has a time of its own
    """

    def __init__(self, times: Mapping[str, Array]) -> None:
        self.times = dict(times)

    @classmethod
    def none(cls, samples: int) -> Crossings:
        """Nothing has happened yet."""
        return cls({e: np.full(samples if h.per_sample else 1, np.nan) for e, h in HITTING_TIMES.items()})

    def __getattr__(self, event: str) -> Any:
        times = self.__dict__.get("times", {})
        if event not in times:
            raise AttributeError(f"{event!r} is no hitting time; they are {', '.join(times)}.")
        return times[event] if HITTING_TIMES[event].per_sample else float(times[event][0])

    def copy(self) -> Crossings:
        """The same times, in arrays of their own."""
        return Crossings({event: times.copy() for event, times in self.times.items()})

    def state(self) -> dict[str, Array]:
        """The times, to be saved."""
        return {event: np.array(getattr(self, event)) for event in self.times}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put saved times back; one that was not saved has not come."""
        for event, times in self.times.items():
            times[:] = state.get(event, np.nan)

    def note(self, levels: Mapping[str, Array], step: float) -> None:
        """Note `step` for every level that is at its threshold for the first time; one that is not there has none."""
        for event, entry in HITTING_TIMES.items():
            if entry.level in levels:
                times = self.times[event]
                times[np.isnan(times) & (levels[entry.level] >= entry.threshold)] = step


@dataclass(frozen=True)
class Snapshot:
    """The state of training at one step, in the quantities the theory speaks of.

    Attributes
    ----------
    step : gradient steps taken (a real number for the flow engine: time / learning_rate)
    signal : (m,) true correlations u_r
    noise : (M, m) projections <w_r, X_k> on the training noise patches
    clean_margin, attacked_margin, memorization : (N,)
    weigh : gives the (m, m) Gram matrix of the weights projected off w_star, which few ask for
    coefficients : (M, m) noise coefficients B, or None where the weights leave the span of the data
    weights : (m, d), or None where there are no vectors
    """

    step: float
    signal: Array
    noise: Array
    clean_margin: Array
    attacked_margin: Array
    memorization: Array
    weigh: Callable[[], Array] = field(repr=False)
    coefficients: Array | None = None
    weights: Array | None = field(default=None, repr=False)

    @cached_property
    def weight_gram(self) -> Array:
        """The (m, m) Gram matrix of the weights projected off w_star."""
        return self.weigh()


@dataclass(frozen=True)
class Trail:
    """Several states of one training; the first axis of every array counts them.

    Attributes
    ----------
    step : (R,) gradient steps taken
    signal, noise, clean_margin, attacked_margin, memorization, coefficients, weights : as those of a `Snapshot`
    weigh : gives the (m, m) Gram matrix of the weights of one of the states, by its place
    """

    step: Array
    signal: Array
    noise: Array
    clean_margin: Array
    attacked_margin: Array
    memorization: Array
    weigh: Callable[[int], Array] = field(repr=False)
    coefficients: Array | None = None
    weights: Array | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.step)

    def at(self, place: int) -> Snapshot:
        """One of the states."""
        return Snapshot(
            step=float(self.step[place]),
            signal=self.signal[place],
            noise=self.noise[place],
            clean_margin=self.clean_margin[place],
            attacked_margin=self.attacked_margin[place],
            memorization=self.memorization[place],
            weigh=partial(self.weigh, place),
            coefficients=None if self.coefficients is None else self.coefficients[place],
            weights=None if self.weights is None else self.weights[place],
        )

    @classmethod
    def of(cls, snapshots: Sequence[Snapshot]) -> Trail:
        """States that were taken one by one, at least one of them."""

        def stacked(name: str) -> Any:
            values = [getattr(snapshot, name) for snapshot in snapshots]
            return None if values[0] is None else np.stack(values)

        names = [f.name for f in fields(cls) if f.name != "weigh"]
        return cls(**{name: stacked(name) for name in names}, weigh=lambda place: snapshots[place].weight_gram)

    @classmethod
    def joined(cls, trails: Sequence[Trail]) -> Trail:
        """Trails of one run in a row as one."""
        if len(trails) == 1:
            return trails[0]
        places = [(trail, place) for trail in trails for place in range(len(trail))]

        def joined(name: str) -> Any:
            values = [getattr(trail, name) for trail in trails]
            return None if values[0] is None else np.concatenate(values)

        names = [f.name for f in fields(cls) if f.name != "weigh"]
        return cls(
            **{name: joined(name) for name in names}, weigh=lambda place: places[place][0].weigh(places[place][1])
        )


class Engine(Protocol):
    """One way to advance the same state.

    ``order`` is the declared order of convergence of the engine's trajectory to the gradient flow, in the learning
    rate (None: the engine is the flow); the tests measure it.
    """

    @property
    def name(self) -> str:
        """``direct``, ``reduced`` or ``flow``."""

    @property
    def order(self) -> int | None:
        """Declared order of convergence to the gradient flow; None for the flow itself."""

    @property
    def chunk(self) -> int:
        """Steps that take a moment: how far to advance between two looks at the keyboard."""

    @property
    def crossings(self) -> Crossings:
        """First steps at which the thresholds were met."""

    @property
    def step(self) -> float:
        """Gradient steps taken."""

    @property
    def evaluations(self) -> int:
        """Evaluations of the force: one a gradient step; a flow counts those that its integrator asks for."""

    def advance(self, until: int) -> Divergence | None:
        """Advance to step `until`; return where it diverged, if it did; the state is then the last good one."""

    def snapshot(self) -> Snapshot:
        """The present state."""

    def state(self) -> dict[str, Any]:
        """Arrays from which `restore` continues bit-identically."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""


class Tracing(Protocol):
    """What an engine may offer beside: several states in one call, cheaper than one by one."""

    def trace(self, steps: NDArray[np.int64]) -> tuple[Trail, Divergence | None]:
        """Advance to the last of these increasing steps; the states at them, up to a divergence."""


def can_trace(engine: object) -> TypeGuard[Tracing]:
    """Whether an engine offers `Tracing`."""
    return hasattr(engine, "trace")  # isinstance of a protocol costs more than a step


def follow(engine: Engine, steps: NDArray[np.int64]) -> tuple[Trail | None, Divergence | None]:
    """Advance an engine to the last of these steps; the states at them (None: not one), up to a divergence."""
    if can_trace(engine):
        return engine.trace(steps)
    snapshots, trouble = [], None
    for step in steps:
        trouble = engine.advance(int(step))
        if trouble is not None:
            break
        snapshots.append(engine.snapshot())
    return Trail.of(snapshots) if snapshots else None, trouble
