"""Which hypotheses the claims and the predictions rest on, and how far each is from failing at given parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cgrosim.model.params import Params
from cgrosim.predictions.setting import setting_of, why_not
from cgrosim.theory.regime import hypotheses


@dataclass(frozen=True)
class Slack:
    """How far one hypothesis of a claim is from failing: positive holds, negative does not."""

    name: str
    statement: str
    slack: float


GROWTH = (
    "some-live-filter", "small-initialisation", "signal-beats-noise", "signal-wins-race", "signal-grows-smoothly",
    "stable-step-signal", "power-above-two",
)  # fmt: skip
STAGNATION = ("stable-step-signal", "adversarial-weight-inside", "attack-hides-signal")
MEMORISATION = (
    "signal-grows-first", "adversarial-weight-inside", "memorises-before-escape", "gram-nearly-orthogonal",
    "noise-norms-concentrate", "decoupled-memorisation", "noise-grows-smoothly", "stable-step-noise",
)  # fmt: skip
OVERFITTING = ("radius-below-signal", "attack-hides-signal", "noise-covers-residual")

REGIME: dict[str, tuple[str, ...]] = {
    "signal growth": GROWTH,
    "stagnation": STAGNATION,
    "memorisation": MEMORISATION,
    "robust overfitting": OVERFITTING,
}
"""Which hypotheses each family of claims rests on."""


def regime_report(params: Params) -> tuple[Slack, ...]:
    """Slack of every hypothesis, named ``family: hypothesis`` and grouped by the family of claims that rests on it."""
    silent = why_not(params)
    if silent:
        return (Slack("all: model", silent.removeprefix("No predictions: "), -np.inf),)
    found = {slack.name: slack for slack in all_slacks(params)}
    return tuple(
        Slack(f"{family}: {name}", found[name].statement, found[name].slack)
        for family, names in REGIME.items()
        for name in names
    )


def slacks(params: Params, *names: str) -> tuple[Slack, ...]:
    """Slack of the named hypotheses at these parameters, for the evidence of a claim."""
    found = {slack.name: slack for slack in all_slacks(params)}
    return tuple(found[name] for name in names)


def all_slacks(params: Params) -> tuple[Slack, ...]:
    """Slack of every hypothesis the theory knows, where the theory speaks (`why_not` is empty)."""
    return tuple(Slack(h.name, h.statement, float(h.slack)) for h in hypotheses(setting_of(params)))
