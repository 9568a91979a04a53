"""Runs that share their checks, and those that take their steps in one call, are those of one by one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cgrosim.run.many
from cgrosim import Params, simulate
from cgrosim.engines.many import room_for
from cgrosim.errors import ParameterError
from cgrosim.run.many import simulate_many
from cgrosim.run.stopping import memorised

SMALL = Params.from_paper(
    60, samples=6, patches=3, neurons=5, steps=30, seed=3, test_samples=21, records=4, sampling="gram", engine="reduced"
)


@pytest.fixture
def taken(monkeypatch):
    """How many runs each call took."""
    sizes, real = [], cgrosim.run.many.take_together

    def noting(runs, steps, grid):
        sizes.append(len(runs))
        return real(runs, steps, grid)

    monkeypatch.setattr(cgrosim.run.many, "take_together", noting)
    return sizes


def same(cells, **asked):
    """Whether many runs are those of `simulate`, whatever they say of a learning rate that was tried."""
    for params, run in zip(cells, simulate_many(cells, **asked), strict=True):
        alone = simulate(params, **asked)
        assert run.data.drop_attrs().identical(alone.data.drop_attrs())
        if run.status == "finished":
            assert {**run.attributes, "seconds": 0.0} == {**alone.attributes, "seconds": 0.0}
        else:
            assert run.status == alone.status
            assert run.message.split("try")[0] == alone.message.split("try")[0]
            assert run.attributes["steps_taken"] == alone.attributes["steps_taken"]
        for name in ("labels", "signal", "noise", "gram", "weight_gram"):
            np.testing.assert_array_equal(getattr(run.start, name), getattr(alone.start, name))
    return True


KINDS = {
    "paper": {},
    "momentum and decay": {"momentum": 0.5, "weight_decay": 0.02, "learning_rate": 0.05},
    "an attack that may choose": {"activation": "smoothed_relu", "threat": "signal_span", "gap": 0.3, "init_std": 1.0,
                                  "adversarial_weight": 0.3, "label_smoothing": 0.1},
    "no attack": {"activation": "relu", "threat": "none", "adversarial_weight": 0.0, "gap": 1.0},
    "one neuron, which may be dead": {"neurons": 1},
    "coefficients": {"record": ("coefficients", "noise_correlation"), "test_samples": 0},
    "too fast": {"learning_rate": 3.0, "init_std": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_runs_in_one_call_are_those_of_simulate(kind, taken):
    base = SMALL.replace(**KINDS[kind])
    cells = [base.replace(seed=seed) for seed in range(3)]
    cells += [base.replace(seed=9, gap=0.6, dimension=80, signal_strength=2.0, noise_std=0.7)]
    assert same(cells)
    assert taken == [4]
    assert same(cells[:2], record_at=[0, 7, 20], keep=("robust_train_error", "memorization_time"))


def test_what_cannot_go_together_goes_alone_and_in_order(taken):
    changes = [{}, {"steps": 20}, {"steps": 20, "seed": 1}, {"label_noise": 0.4}, {"batch_size": 2}, {"engine": "flow"},
               {"sampling": "explicit"}, {"samples": 4}, {"samples": 4, "seed": 5}]  # fmt: skip
    cells = [SMALL.replace(**change) for change in changes]
    assert same(cells, keep=("training_loss", "clean_test_error"))
    assert taken == [1, 2, 2]
    taken.clear()
    assert same(cells[:1], until=memorised(0.5))
    assert taken == []
    assert room_for(SMALL, 30, 4) > 100
    assert room_for(SMALL, 10**5, 4) <= 1  # Ctrl-C would have to wait


def test_one_that_diverges_does_not_touch_those_beside_it(taken):
    turned = SMALL.replace(threat="fixed_direction", gap=-4.0, seed=1)  # the attack turns the feature round
    cells = [turned.replace(learning_rate=rate) for rate in (1e-3, 50.0, 2e-3)]
    assert same(cells)
    assert [run.status for run in simulate_many(cells)] == ["finished", "diverged", "finished"]
    assert taken == [3, 3]


def test_a_cell_that_cannot_be_stops_after_those_before_it():
    cells = iter([SMALL, SMALL.replace(seed=4), SMALL.replace(dimension=12, noise_std=0.3)])
    runs = simulate_many(cells)
    assert [next(runs).status, next(runs).status] == ["finished", "finished"]
    with pytest.raises(ParameterError, match="sampling gram needs dimension above"):
        next(runs)


def test_many_runs_in_a_row_are_those_of_simulate_one_by_one():
    base = Params.from_paper(60, samples=6, steps=40, seed=3, test_samples=20)
    cells = [base, base.replace(seed=4), base.replace(gap=0.5, engine="flow"), base.replace(samples=5, steps=20)]
    for params, run in zip(cells, simulate_many(cells, record_at=[0, 7, 20]), strict=True):
        alone = simulate(params, record_at=[0, 7, 20])
        assert run.status == alone.status
        assert run.data.drop_attrs().identical(alone.data.drop_attrs())
        assert {**run.attributes, "seconds": 0.0} == {**alone.attributes, "seconds": 0.0}
    with pytest.raises(ParameterError, match="record_at ends at 20, after steps 10"):
        list(simulate_many([base, base.replace(steps=10)], record_at=[20]))


def test_a_run_that_diverges_among_many_advises_without_a_trial():
    params = Params.from_paper(
        200, samples=5, neurons=10, threat="fgsm", perturbation_radius=3.7, steps=2000, seed=1, test_samples=0
    )
    (run,) = simulate_many([params], keep=("memorization",))
    assert run.status == "diverged"
    assert "or less. Everything before" in run.message
    assert "tried here" not in run.message  # as it is where a run goes alone: test_divergence


# the threads of this process may be one, and are chosen before Numba is loaded
THREADED = """
import sys
sys.path.insert(0, sys.argv[1])
from test_many_runs import SMALL, same
from cgrosim.kernels import many

if __name__ == "__main__":
    sizes, (serial, threaded) = [], many._take_forms

    def noting(*arguments):
        sizes.append(len(arguments[-1]))
        return threaded(*arguments)

    many._take_forms = (serial, noting)
    base = SMALL.replace(samples=20, patches=2, neurons=20, steps=400, threat="fixed_direction")
    cells = [base.replace(seed=seed, gap=0.03 * (seed + 1)) for seed in range(31)]
    # one whose feature the attack turns round, and which diverges long before the others end
    cells.insert(7, base.replace(seed=40, gap=-4.0, learning_rate=50.0))
    print(same(cells), sizes)
"""


@pytest.mark.slow  # the threaded form of a kernel is compiled
def test_runs_on_two_threads_are_those_of_simulate(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(THREADED)
    done = subprocess.run(
        [sys.executable, str(script), str(Path(__file__).parent)],
        env={**os.environ, "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "True [32]"  # 32 x 400 steps of 20 x 20 x 20: just above the threshold
