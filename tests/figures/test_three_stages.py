"""The three-stage figure draws every kind of run, and draws what was measured and predicted."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import cgrosim
from cgrosim import Run
from cgrosim.commands.simulate import stage_rows
from cgrosim.figures.stage_strip import stages_of
from cgrosim.figures.style import BLUE, save_figure
from cgrosim.figures.three_stages import three_stage_figure
from cgrosim.predictions.values import Curve, Quantiles

KINDS: dict[str, dict[str, Any]] = {
    "adversarial": {},
    "standard": {"adversarial_weight": 0.0},
    "enormous": {"dimension": 1e12},
    "escape": {"gap": 0.5},
    "no test errors": {"test_samples": 0},
    "no attack": {"threat": "none", "steps": 50},
    "pgd": {"threat": "l2_pgd", "perturbation_radius": 0.5, "steps": 20},
    "relu": {"activation": "relu", "steps": 50},
    "linear grid": {"steps": 60, "record_grid": "linear"},
    "dead": {"neurons": 1, "seed": 0, "steps": 100},
    "one step": {"steps": 1},
    "attack beyond the signal": {"threat": "fixed_direction", "gap": -0.1, "steps": 100},
}


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_is_drawn(make_run, tmp_path, kind: str) -> None:
    run = make_run(**KINDS[kind])
    figure = three_stage_figure(run)
    assert save_figure(figure, tmp_path / "run.png", dpi=40).stat().st_size > 5000
    said = texts(figure)
    assert run.params.attack_description in said
    assert ("robust test" in said) == (run.params.test_samples > 0)
    assert ("attacked" in said) == run.params.signal_only


def test_curves_are_the_records(make_run) -> None:
    run = make_run()
    figure = three_stage_figure(run)
    signal = figure.axes[1]
    (line,) = [line for line in signal.lines if line.get_color() == BLUE]
    recorded = run.data["signal_margin"].sel(step=slice(1, None))
    assert np.array_equal(line.get_xdata(), recorded["step"].values)
    assert np.array_equal(line.get_ydata(), recorded.values)


@pytest.mark.parametrize("kind", ["adversarial", "standard", "enormous", "escape", "dead"])
def test_every_panel_has_ticks(make_run, kind: str) -> None:
    """Below the strip of stages there is no axis a reader cannot read off."""
    figure = three_stage_figure(make_run(**KINDS[kind]))
    for axes in figure.axes[1:]:
        bottom, top = axes.get_ylim()
        assert sum(bottom <= place <= top for place in axes.get_yticks()) >= 2


def changed(run: Run, status: str = "finished", message: str = "", **records: Any) -> Run:
    """A run with other records, times or status."""
    data = run.data.copy(deep=True)
    for name, values in records.items():
        data[name] = (data[name].dims, np.broadcast_to(values, data[name].shape).astype(float))
    data.attrs.update(status=status, message=message)
    return Run(data, run.params)


def test_a_diverged_run_is_drawn_and_says_so(make_run) -> None:
    run = make_run()
    margins = run.data["signal_margin"].values.copy()
    margins[-2:] = [1e200, np.inf]
    sentence = "The run diverged at step 7; take a learning_rate of at most 0.001."
    figure = three_stage_figure(changed(run, "diverged", sentence, signal_margin=margins, clean_loss=np.nan))
    figure.draw_without_rendering()
    assert "DIVERGED" in texts(figure)
    assert "learning_rate of at most 0.001" in texts(figure).replace("\n", " ")


def test_a_run_with_one_record_is_drawn(make_run) -> None:
    run = make_run()
    first = Run(run.data.isel(step=[0]), run.params)
    three_stage_figure(first).draw_without_rendering()


@pytest.mark.parametrize(
    ("grown", "memorised", "escaped", "names"),
    [
        (10.0, 100.0, np.nan, ["signal growth", "stagnation", "memorisation"]),
        (10.0, np.nan, 50.0, ["signal growth", "stagnation", "escape: robust by the true feature"]),
        (10.0, 100.0, 200.0, ["signal growth", "stagnation", "memorisation"]),
        (10.0, np.nan, np.nan, ["signal growth", "stagnation"]),
        (np.nan, np.nan, np.nan, ["signal growth"]),
        (0.0, 100.0, np.nan, ["stagnation (I was over at the start)", "memorisation"]),
        (100.0, 10.0, np.nan, ["signal growth", "memorisation before the signal has grown"]),
    ],
)
def test_stages_follow_the_measured_times(make_run, grown, memorised, escaped, names) -> None:
    run = changed(make_run(), signal_growth_time=grown, memorization_time=memorised, escape_time=escaped)
    stages = stages_of(run, 1000.0)
    assert [stage.name for stage in stages] == names
    assert all(a.last == b.first for a, b in itertools.pairwise(stages))
    assert (stages[0].first, stages[-1].last) == (0.0, 1000.0)


def test_predictions_are_drawn_where_they_lie(make_run, foretell) -> None:
    run = make_run()
    last = float(run.data["step"][-1])
    predicted = np.full(run.params.samples, 0.5 * last)
    predicted[0] = np.inf
    predictions = foretell(
        run,
        signal_growth_time=5.0,
        signal_growth_quantiles=Quantiles(2.0, 6.0, np.inf),
        signal_margin_curve=Curve(np.geomspace(1.0, last, 9), np.arange(9.0)),
        memorization_times=predicted,
        memorization_quantiles=Quantiles(0.2 * last, 0.3 * last, 0.6 * last),
        escape_time=np.inf,
    )
    figure = three_stage_figure(run, predictions)
    said = texts(figure)
    assert "predicted growth time 5" in said
    assert f"predicted times ({run.params.samples - 1} of {run.params.samples})" in said
    assert "predicted time of one sample: 5 % to 95 %" in said
    assert "escape" not in said


def test_empty_predictions_change_nothing(make_run, foretell) -> None:
    run = make_run()
    assert texts(three_stage_figure(run, foretell(run))) == texts(three_stage_figure(run))


def test_a_sample_beyond_the_threshold_at_the_start_begins_no_stage():
    """Its noise is there by chance: the strip said "III memorisation" from the first step, the table something else."""
    params = cgrosim.Params.from_paper(200, samples=10, seed=1, activation="linear", steps=1500, test_samples=0)
    run = cgrosim.simulate(params)
    times = run.data["memorization_time"].values
    assert np.nanmin(times) == 0.0
    late = times[times > 0.0]
    stages = stages_of(run, 1500.0)
    assert [stage.numeral for stage in stages] == ["I", "II", "III"]
    assert stages[0].last == float(run.data["signal_growth_time"])
    assert (stages[2].first, stages[2].name) == (late.min(), "memorisation")
    (row,) = (row for row in stage_rows(run, None) if row[0].startswith("III"))
    assert f"{len(late)} of 10 samples, steps {late.min():.4g} to {late.max():.4g}" in row[1]
    assert f"{int(np.sum(times == 0.0))} of 10 at the start" in row[1]
    run.data["memorization_time"][:] = 0.0
    assert [stage.first for stage in stages_of(run, 1500.0)][-1] == 0.0
    assert stage_rows(run, None)[1][1] == "not reached; 10 of 10 at the start"
