"""A toy activation, signal threat, search threat and engine, each added where CONTRIBUTING.md says and nowhere else.

Each runs in a program of its own, in which the tables get their new entries before anything reads them: what an edited
file would do. The program ends with a run through the whole package and a check against plain NumPy.
"""

import subprocess
import sys
import textwrap

import pytest

ACTIVATION = """
    # cgrosim/model/activations.py: phi(z) = 0, z^q / (q 2^(q-1)) up to the knee at 2, then z - 2 + 2/q
    import math
    import numpy as np
    from cgrosim.model import activations

    def value(z, q):
        below = np.clip(z, 0.0, 2.0) ** q / (q * 2.0 ** (q - 1.0))
        return np.where(z > 2.0, z - 2.0 + 2.0 / q, below)

    activations.ACTIVATIONS["late_relu"] = activations.Activation(
        value=value,
        slope=lambda z, q: (np.clip(z, 0.0, 2.0) / 2.0) ** (q - 1.0),
        curvature=lambda z, q: np.where((z > 0) & (z < 2), (q - 1) / 2 * (np.clip(z, 0, 2) / 2) ** (q - 2), 0.0),
        degree=None,
        knee=2.0,
        least_power=2,
    )

    # cgrosim/kernels/activation.py
    from cgrosim.kernels import activation

    activation.SHAPES["late_relu"] = lambda q: (0.0, 2.0, q, 2.0 ** (1.0 - q) / q, 2.0 ** (1.0 - q))

    changes = {"activation": "late_relu", "threat": "signal_span", "init_std": 1.5}
"""

SIGNAL_THREAT = """
    # cgrosim/model/signal_threats.py: an attack that may weaken the signal and never strengthen it
    from cgrosim.model import signal_threats

    signal_threats.SIGNAL_THREATS["weaken_only"] = signal_threats.SignalThreat(
        lambda alpha, low, high: (low, alpha), beyond_signal=False
    )
    changes = {"threat": "weaken_only"}
"""

RUN_AGAINST_THE_REFERENCE = """
    import numpy as np
    from cgrosim import Params, simulate
    from cgrosim.model import reference
    from cgrosim.model.sampling import draw_explicit

    base = {"samples": 6, "patches": 3, "neurons": 4, "gap": 0.2, "init_std": 0.4, "learning_rate": 0.02, "steps": 40,
            "test_samples": 50, "record": "weights"}
    for seed in range(2):
        params = Params.from_paper(30, seed=seed, **{**base, **changes})
        system = draw_explicit(params)
        weights, layer, data = system.weights.copy(), system.second_layer, system.data
        for _ in range(params.steps):
            attacked = reference.attacked_inputs(params, layer, weights, data)
            weights -= params.learning_rate * reference.training_gradient(params, layer, weights, data, attacked)
        for engine in ("direct", "reduced"):
            run = simulate(params.replace(engine=engine))
            last = run.data["weights"].values[-1]
            assert np.abs(last - system.weights).max() > 1e-3
            assert np.allclose(last, weights, rtol=0, atol=1e-11), np.abs(last - weights).max()
        assert simulate(params.replace(engine="flow")).status == "finished"
        low, high = params.attacked_interval
        for label in (-1.0, 1.0):  # no coefficient of the interval is worse than the attack's
            best = reference.attacked_coefficient(params, layer, system.signal, label)
            grid = [best, *np.linspace(low, high, 999)]
            margins = [reference.signal_margin(params, layer, system.signal, label, c) for c in grid]
            assert margins[0] <= min(margins) + 1e-12
"""

SEARCH_THREAT = """
    # cgrosim/model/threats.py: the worst of a few random points of the ball
    import numpy as np
    from cgrosim.model import threats

    def random_search(model, inputs, labels, generator):
        best, lowest = inputs.copy(), model.margins(inputs, labels)
        for _ in range(model.params.attack_steps):
            shift = threats.L2.start(inputs.shape, model.params.perturbation_radius, generator)
            threats._keep_worst(best, lowest, inputs + shift, model.margins(inputs + shift, labels))
        return best

    threats.SEARCH_THREATS["random_search"] = threats.SearchThreat(
        random_search, lambda params: f", {params.attack_steps} random points"
    )

    from cgrosim import Params, simulate
    from cgrosim.errors import ParameterError

    params = Params.from_paper(30, samples=6, neurons=4, steps=30, test_samples=40, threat="random_search",
                               perturbation_radius=0.3, learning_rate=0.01)
    run = simulate(params)
    assert run.status == "finished"
    assert run.data["adversarial_loss"].values[-1] > run.data["clean_loss"].values[-1]
    assert params.attack_description == "random_search, radius 0.3, 10 random points"
    try:
        params.replace(engine="flow")
    except ParameterError as error:
        assert "for threat random_search take engine direct" in str(error)
    else:
        raise AssertionError("a search threat ran in the closed system")
"""

ENGINE = """
    # cgrosim/model/engine_kinds.py
    from cgrosim.model import engine_kinds

    engine_kinds.ENGINES["heun"] = engine_kinds.EngineKind(
        closed=True, step_flops=lambda params: 2.0 * engine_kinds.ENGINES["reduced"].step_flops(params)
    )

    # cgrosim/engines/heun.py
    import sys
    import types
    import numpy as np
    from cgrosim.engines.base import Crossings, Snapshot
    from cgrosim.engines.closed import ClosedForces
    from cgrosim.engines.cost import step_seconds
    from cgrosim.model.sampling import weight_gram

    class HeunEngine:
        name, order = "heun", 2

        def __init__(self, params, system):
            self._params, self._system, self._forces = params, system, ClosedForces(params, system)
            self.crossings, self._step = Crossings.none(params.samples), 0
            self._vector = np.concatenate([system.signal, np.zeros(system.noise.size)])
            self.chunk = max(1, int(0.2 / step_seconds(params, self.name)))

        step = property(lambda self: float(self._step))
        evaluations = property(lambda self: 2 * self._step)

        def advance(self, until):
            while self._step < until:
                self.snapshot()
                first = self._forces.rates(self._vector)
                second = self._forces.rates(self._vector + self._params.learning_rate * first)
                self._vector = self._vector + 0.5 * self._params.learning_rate * (first + second)
                self._step += 1
            return None

        def snapshot(self):
            signal, coefficients = self._forces.split(self._vector)
            kept = coefficients.copy()
            noise = self._forces.projections(coefficients)
            margins = self._forces.margins(signal, noise)
            self.crossings.note(self._forces.levels(self._vector), self.step)
            return Snapshot(float(self._step), signal.copy(), noise, margins.clean, margins.attacked,
                            margins.memorization, lambda: weight_gram(self._system, kept), kept)

        def state(self):
            return {"step": np.array(self._step), "vector": self._vector.copy(), **self.crossings.state()}

        def restore(self, state):
            self._step, self._vector = int(state["step"]), state["vector"].copy()
            self.crossings.restore(state)

    module = types.ModuleType("cgrosim.engines.heun")
    module.ENGINE = HeunEngine
    sys.modules["cgrosim.engines.heun"] = module

    # a run: an engine of second order is closer to the flow than gradient descent, by the ratio of their errors' orders
    import cgrosim
    from cgrosim import Params, simulate

    params = Params.from_paper(60, samples=6, neurons=4, gap=0.2, init_std=0.3, learning_rate=0.001, steps=3000,
                               flow_tolerance=1e-10, test_samples=50, threat="fixed_direction")
    runs = {name: simulate(params.replace(engine=name)) for name in ("heun", "reduced", "flow")}
    ends = {name: run.data["memorization"].values[-1] for name, run in runs.items()}
    assert np.abs(ends["heun"] - ends["flow"]).max() < 0.05 * np.abs(ends["reduced"] - ends["flow"]).max()
    assert abs(float(runs["heun"].data["signal_growth_time"]) - float(runs["flow"].data["signal_growth_time"])) <= 1.0
    path = runs["heun"].save("heun.nc")
    assert cgrosim.load(path).data.attrs["engine"] == "heun"
"""


def run_program(text, folder):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "parts",
    [(ACTIVATION, RUN_AGAINST_THE_REFERENCE), (SIGNAL_THREAT, RUN_AGAINST_THE_REFERENCE), (SEARCH_THREAT,), (ENGINE,)],
    ids=["activation", "signal threat", "search threat", "engine"],
)
def test_a_newcomer_needs_its_promised_places_only(parts, tmp_path):
    run_program("\n".join(textwrap.dedent(part) for part in parts), tmp_path)
