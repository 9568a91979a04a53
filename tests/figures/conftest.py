"""Runs that the figures are tested on: one of every kind a user can make, all of them short."""

from collections.abc import Callable

import pytest

from cgrosim import Params, Run, simulate
from cgrosim.predictions.predicted import Prediction, Predictions
from cgrosim.predictions.values import Value

SMALL = {"samples": 6, "neurons": 4, "records": 4, "test_samples": 40, "seed": 1}


@pytest.fixture(scope="session")
def foretell() -> Callable[..., Predictions]:
    """Predictions with the given values, whatever the theory would say."""

    def made(run: Run, **values: Value) -> Predictions:
        return Predictions(run.params, tuple(Prediction(k, k, "1", "order", "", value) for k, value in values.items()))

    return made


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """A short run with some parameters changed; equal ones are simulated once."""
    made: dict[str, Run] = {}

    def make(dimension: float = 200, **changes: object) -> Run:
        params = Params.from_paper(dimension, **{**SMALL, **changes})
        key = params.to_toml()
        if key not in made:
            made[key] = simulate(params)
        return made[key]

    return make
