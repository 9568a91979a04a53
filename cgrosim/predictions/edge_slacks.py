"""How far the weight decay in use is from each of its predicted edges, and on which side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cgrosim.predictions.regime import Slack
from cgrosim.predictions.words import number

FAMILY = "weight decay"


def edge_slacks(weight_decay: float, value: Callable[[str], Any]) -> tuple[Slack, ...]:
    """Natural log of the ratio of the weight decay to every edge: positive where it is on the side that is told.

    `value` gives a predicted quantity by name. None without weight decay, and none for edges that are not predicted.
    """
    return tuple(_slacks(weight_decay, value)) if weight_decay else ()


def _slacks(rho: float, value: Callable[[str], Any]) -> Iterator[Slack]:
    edges, signal, escape = (value(f"decay_{name}") for name in ("edges", "signal_edge", "escape_edges"))
    if isinstance(edges, np.ndarray) and edges.size:
        least, most = float(edges.min()), float(edges.max())
        yield _below("every-sample-memorised", "every sample outgrows the decay: rho < min_i a_i v_i^(q-2)", rho, least)
        yield _above("no-sample-memorised", "no sample outgrows the decay: rho > max_i a_i v_i^(q-2)", rho, most)
    if isinstance(signal, float):
        yield _below("signal-learnt", "the signal outgrows the decay: rho < c1 u^(q-2)", rho, signal)
    if escape is not None and escape.lower > 0.0:
        held = "the signal rests and does not run on to its escape: rho > the least pull between its two humps"
        yield _above("signal-held", held, rho, escape.lower)


def _above(name: str, statement: str, rho: float, edge: float) -> Slack:
    with np.errstate(divide="ignore"):
        return Slack(name, f"{statement} = {number(edge)}", float(np.log(rho) - np.log(edge)))


def _below(name: str, statement: str, rho: float, edge: float) -> Slack:
    with np.errstate(divide="ignore"):
        return Slack(name, f"{statement} = {number(edge)}", float(np.log(edge) - np.log(rho)))
