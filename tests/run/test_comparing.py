"""Two runs side by side, as values, words and a figure; a run in short; and the names of the front door."""

import subprocess
import sys

import numpy as np
import pytest

import cgrosim
from cgrosim import Params, compare, simulate

SMALL = Params.from_paper(40, samples=8, neurons=5, steps=300, records=6, test_samples=100, engine="reduced")


def test_a_run_does_not_part_from_itself():
    run = simulate(SMALL)
    found = compare(run, simulate(SMALL))
    assert found.parameters == {}
    assert len(found.variables) > 10
    assert all(found.parts_at(name) is None for name in found.variables)


def test_engines_differ_by_rounding_only_and_rounding_is_what_one_calls_it():
    found = compare(simulate(SMALL), simulate(SMALL.replace(engine="direct")))
    assert found.parameters == {"engine": ("reduced", "direct")}
    assert all(found.parts_at(name) is None for name in ("memorization", "learnt_signal", "training_loss"))
    strict = compare(found.first, found.second, tolerance=0.0)
    assert isinstance(strict.parts_at("memorization"), int)


def test_the_step_at_which_trajectories_part_is_found_per_variable():
    one = simulate(SMALL)
    data = one.data.copy(deep=True)
    data["memorization"][3, 2] *= 1.0 + 3e-9
    data["training_loss"][3] *= 1.0 + 0.3e-9
    data["clean_loss"][-1] = np.nan
    found = compare(one, cgrosim.Run(data, one.params))
    assert found.parts_at("memorization") == int(data["step"][3])
    assert found.parts_at("training_loss") is None
    assert found.parts_at("clean_loss") == 300
    assert found.parts_at("learnt_signal") is None


def test_infinities_are_equal_to_themselves_and_to_nothing_else():
    one = simulate(SMALL)
    data = one.data.copy(deep=True)
    data["clean_loss"][2] = np.inf
    found = compare(cgrosim.Run(data, one.params), cgrosim.Run(data.copy(deep=True), one.params))
    assert found.parts_at("clean_loss") is None
    assert compare(found.first, one).parts_at("clean_loss") == int(data["step"][2])


def test_different_seeds_sizes_and_grids_are_compared_as_far_as_they_go():
    found = compare(simulate(SMALL), simulate(SMALL.replace(samples=9, seed=4, threat="none"), record_at=[0, 7, 90]))
    assert found.parts_at("memorization") == "sizes (8,) and (9,)"
    assert found.parts_at("learnt_signal") == 0
    apart = compare(simulate(SMALL, record_at=[1]), simulate(SMALL, record_at=[2]))
    assert apart.parts_at("learnt_signal") == "no common step"
    few = compare(simulate(SMALL, keep=["learnt_signal"]), simulate(SMALL, keep=["memorization"]))
    assert few.variables == []
    assert "last recorded step" in str(few)


def test_a_comparison_prints_as_a_table_that_every_locale_can_print():
    text = str(compare(simulate(SMALL), simulate(SMALL.replace(adversarial_weight=0.0))))
    lines = text.encode("ascii").decode().splitlines()
    assert lines[0].split() == ["first", "run", "second", "run", "they", "part", "at"]
    assert ["adversarial_weight", "0.5", "0", "parameter"] in [line.split() for line in lines]
    training = next(line for line in lines if line.startswith("training_loss"))
    assert "step" in training
    html = compare(simulate(SMALL), simulate(SMALL.replace(threat="none")))._repr_html_()
    assert html.startswith("<table>")
    assert "signal_span" in html


@pytest.mark.parametrize("other", [{"adversarial_weight": 0.0}, {"seed": 2, "samples": 9}, {"steps": 1}])
def test_a_comparison_is_drawn(other):
    figure = compare(simulate(SMALL), simulate(SMALL.replace(**other))).plot()
    assert len(figure.axes) == 4
    assert all(len(axes.lines) >= 2 for axes in figure.axes)
    figure.canvas.draw()


def test_a_comparison_of_kept_variables_is_drawn_from_what_is_there():
    one, other = (simulate(SMALL.replace(seed=seed), keep=["clean_loss"]) for seed in (0, 1))
    figure = compare(one, other).plot()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["clean training loss"]
    assert compare(one, simulate(SMALL, keep=())).plot() is not None


def test_a_run_shows_itself_in_a_line_and_in_a_table(tmp_path):
    for run in (simulate(SMALL), cgrosim.load(simulate(SMALL).save(tmp_path / "run.nc"))):
        assert repr(run) == "<Run finished: d=40 N=8 m=5 signal_span seed=0, step 300>"
        html = run._repr_html_()
        for word in ("finished", "dimension=40", "signal_growth_time", "last robust_test_error", "signal_span, radius"):
            assert word in html
        assert "patches=3" not in html  # a default
    assert "last clean" not in simulate(SMALL, keep=())._repr_html_()


def test_the_table_of_a_run_needs_no_dataset():
    run = simulate(SMALL)
    run._repr_html_()
    assert repr(run)
    assert run.values("step")[-1] == 300
    assert run.status == "finished"
    assert "data" not in vars(run)
    before = run.values("memorization_time"), run.final("learnt_signal"), run.attributes
    after = run.data["memorization_time"].values, run.final("learnt_signal"), run.attributes
    assert np.array_equal(before[0], after[0], equal_nan=True)
    assert before[1:] == after[1:]


def test_every_public_name_is_there_and_simulating_needs_no_xarray():
    assert set(cgrosim.__all__) <= set(dir(cgrosim))
    assert all(getattr(cgrosim, name) is not None for name in [*cgrosim.__all__, *cgrosim._ROOMS])
    assert set(cgrosim._ROOMS) <= set(dir(cgrosim))
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = cgrosim.simulat
    assert set(cgrosim._HOMES) == set(cgrosim.__all__)
    code = (
        "import sys, cgrosim; p = cgrosim.Params.from_paper(40, samples=3, steps=5, engine='reduced')\n"
        "run = cgrosim.simulate(p, until=cgrosim.memorised())\n"
        "run.final('learnt_signal'); repr(run); run._repr_html_()\n"
        "print(sorted({'xarray', 'matplotlib', 'scipy.integrate'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
