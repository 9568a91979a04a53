"""Intervals, edges, figures, files of a table."""

import numpy as np
import pytest
from sweep_cases import KEEP, SMALL

from cgrosim import UserError, load_table, sweep
from cgrosim.claims.checks import clopper_pearson as of_claims
from cgrosim.figures.sweep_map import Axis, borders, is_log
from cgrosim.sweeps.drawing import crossing, map_of, mean_interval
from cgrosim.sweeps.intervals import clopper_pearson


@pytest.fixture(scope="module")
def table():
    over = {"gap": np.geomspace(0.01, 0.5, 3), "activation": ["power", "relu"]}
    return sweep(SMALL, over, seeds=3, keep=KEEP, points=5, predicted_seeds=1)


def test_shares_have_the_interval_of_clopper_and_pearson():
    low, high = clopper_pearson([0, 3, 10], [10, 10, 10], 0.95)
    for place, hits in enumerate((0, 3, 10)):
        assert (low[place], high[place]) == pytest.approx(
            of_claims(hits, 10, 0.05), abs=1e-12
        )  # of one and the same law
    assert np.isnan(clopper_pearson(0, 0, 0.95)).all()


def test_intervals_over_seeds(table):
    values = table.data.robust_test_error.isel(step=-1)
    found = table.intervals("robust_test_error", confidence=0.5).isel(step=-1)
    np.testing.assert_allclose(found.middle, values.median("seed"))
    np.testing.assert_allclose(found.high, values.quantile(0.75, "seed"))
    grown = table.intervals(lambda data: data.steps_taken >= 40)
    assert (grown.attrs["kind"], float(grown.middle.min()), float(grown.high.max())) == ("share", 1.0, 1.0)
    assert float(grown.low.min()) == pytest.approx(0.025 ** (1 / 3))  # of three in three
    for asked, sentence in (
        ({"confidence": 1.0}, "confidence is 1.0"),
        ({"kind": "shares"}, "did you mean share"),
        ({"kind": "share"}, "share is for what is true or not"),
    ):
        with pytest.raises(UserError, match=sentence):
            table.intervals("memorization", **asked)
    with pytest.raises(UserError, match=r"memorisation was not kept; did you mean memorization\?"):
        table.intervals("memorisation")


def test_a_mean_has_an_interval_that_holds_it_and_shrinks_with_seeds():
    draws = np.random.default_rng(3).normal(size=(4, 400))
    mean, low, high = mean_interval(draws)
    np.testing.assert_allclose(mean, draws.mean(axis=1))
    assert np.all((low < mean) & (mean < high))
    # a standard error of 1/20 makes the interval four of them wide; 400 resamples know its ends to a tenth
    np.testing.assert_allclose(high - low, 4 * 0.98 / 20, rtol=0.2)
    few = mean_interval(np.where(np.arange(400) < 25, draws, np.nan))
    assert np.all(few[2] - few[1] > 2 * (high - low))


def test_edges_lie_between_the_points_where_the_sign_changes():
    axis = Axis("gap", np.array([0.01, 0.1, 1.0]), log=True)
    assert crossing(axis, np.array([-1.0, 1.0, 2.0])) == pytest.approx(10**-1.5)
    assert np.isnan(crossing(axis, np.array([1.0, 1.0, 2.0])))
    np.testing.assert_allclose(borders(axis), 10.0 ** np.array([-2.5, -1.5, -0.5, 0.5]))
    assert is_log([5, 10, 20])
    assert not is_log([10, 20, 30, 40, 50])
    assert not is_log([0, 1, 10])


def test_figures_of_a_table(table, tmp_path):
    from cgrosim.figures.style import save_figure

    words = map_of(table, "robust_test_error", "gap", "activation")
    assert words.values.shape == (2, 3)
    np.testing.assert_allclose(words.values, table.final("robust_test_error").mean("seed").values.T)
    for name, figure in {
        "map": table.plot("memorization", x="gap"),
        "line": table.sel(activation="power").plot("memorization"),
        "curves": table.curves("memorization", points=3),
    }.items():
        assert save_figure(figure, tmp_path / f"{name}.png", dpi=40).stat().st_size > 5000
    line = table.sel(activation="power").plot("memorization").axes[0]
    assert line.get_xscale() == "log"
    with pytest.raises(UserError, match=r"gaps is not varied in this table; did you mean gap\?"):
        table.plot("memorization", x="gaps")
    with pytest.raises(UserError, match="status holds words"):
        table.plot("status")
    single = table.sel(activation="power", gap=0.5)
    with pytest.raises(UserError, match="a map needs two varied parameters"):
        single.plot("memorization", x=None, y="gap") if "gap" in single.varied else single.plot("memorization")
    with pytest.raises(UserError, match=r"steps_taken was kept at the end only; give points=200"):
        table.curves("steps_taken")


def test_a_table_is_written_and_read(table, tmp_path):
    path = table.to_netcdf(tmp_path / "table.nc")
    read = load_table(path)
    assert read.data.drop_attrs(deep=False).identical(table.data.drop_attrs(deep=False))
    assert (read.params(gap=0.5, activation="relu"), read.varied) == (
        table.params(gap=0.5, activation="relu"),
        table.varied,
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is not a whole table of a sweep \(.*\); run the sweep again"):
        load_table(path)
    with pytest.raises(UserError, match="does not exist; give the folder of one"):
        load_table(tmp_path)
    table.to_zarr(tmp_path / "table.zarr")
    with pytest.raises(UserError, match="cannot be written"):
        table.to_zarr(tmp_path / "table.zarr")
    import xarray

    with xarray.open_zarr(tmp_path / "table.zarr", consolidated=False) as opened:
        np.testing.assert_array_equal(opened.memorization, table.data.memorization)
    frame = table.to_pandas()
    assert len(frame) == 18
    assert {"gap", "activation", "seed", "status", "steps_taken"} <= set(frame.columns)
    assert len(table.to_pandas("memorization")) == 18 * 5 * 4
