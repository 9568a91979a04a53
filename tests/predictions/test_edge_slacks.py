"""The weight decay in use beside its predicted edges: on which side, how far, and told by predict and by info."""

import numpy as np
import pytest

from cgrosim import Params, predict
from cgrosim.commands.main import main

BASE = Params.from_paper(
    1e4, samples=6, patches=2, neurons=8, init_exponent=-0.33, init_polylog=1.0, gap=0.01, sampling="gram",
    engine="flow", seed=2, steps=10**6,
)  # fmt: skip


@pytest.fixture(scope="module")
def before():
    """Where the edges are, without weight decay."""
    found = predict(BASE)
    return {name: found.value(f"decay_{name}") for name in ("edges", "signal_edge")}


def slacks(found):
    return {s.name.removeprefix("weight decay: "): s.slack for s in found.regime if s.name.startswith("weight decay: ")}


@pytest.mark.parametrize(
    ("where", "regime", "true"),
    [
        (lambda edges, signal: 0.5 * edges.min(), "robust overfitting", {"every-sample-memorised", "signal-learnt"}),
        (lambda edges, signal: np.sqrt(edges.min() * edges.max()), "partly memorised", {"signal-learnt"}),
        (lambda edges, signal: 2.0 * edges.max(), "robust by decay", {"no-sample-memorised", "signal-learnt"}),
        (lambda edges, signal: 2.0 * signal, "nothing learnt", {"no-sample-memorised"}),
    ],
    ids=["below", "between", "above", "lost"],
)
def test_the_signs_are_those_of_the_regime(where, regime, true, before):
    edges = before["edges"]
    decay = float(where(edges, before["signal_edge"]))
    found = predict(BASE.replace(weight_decay=decay))
    assert found.value("regime") == regime
    told = slacks(found)
    assert {name for name in told if told[name] > 0.0} - {"signal-held"} == true
    assert told["no-sample-memorised"] == pytest.approx(np.log(decay / edges.max()))
    assert told["every-sample-memorised"] == pytest.approx(np.log(edges.min() / decay))
    assert told["signal-held"] == pytest.approx(np.log(decay / found.value("decay_escape_edges").lower))
    assert f"no sample memorised {told['no-sample-memorised']:+.3g}" in " ".join(str(found).split())
    assert found.to_dict()["regime"]["weight decay: signal-learnt"]["slack"] == told["signal-learnt"]


def test_without_weight_decay_nothing_is_said_of_edges():
    found = predict(BASE)
    assert not slacks(found)
    assert "beside its edges" not in str(found)


def test_info_shows_the_slack(capsys):
    options = {"dimension": 1000, "samples": 4, "neurons": 4, "engine": "flow", "steps": 1000, "weight-decay": 0.01}
    assert main(["info", *(word for name, value in options.items() for word in (f"--{name}", str(value)))]) == 0
    table = capsys.readouterr().out
    for name in ("every-sample-memorised", "no-sample-memorised", "signal-learnt", "signal-held"):
        assert name in table
