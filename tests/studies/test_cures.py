"""The page on cures stays true: its block runs; the rows of the table are what they say at toy size."""

import re
from pathlib import Path

import numpy as np
import pytest

from cgrosim import Params, simulate
from cgrosim.errors import ParameterError
from cgrosim.model.thresholds import MEMORISED
from cgrosim.studies.cures import DECAY_TIMES, cures, decay_plane, measure

PAGE = (Path(__file__).parents[2] / "docs" / "cures.md").read_text(encoding="utf-8")
BASE = Params.from_paper(
    1e4, samples=4, patches=2, neurons=6, init_exponent=-0.33, init_polylog=1.0, gap=0.01, sampling="gram",
    engine="flow", records=10, test_samples=500, seed=2,
)  # fmt: skip


def test_the_calculation_by_hand_is_what_the_simulator_finds(capsys):
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    exec(compile(block.group(1), "docs/cures.md", "exec"), {})
    assert "decay_edges" in capsys.readouterr().out


@pytest.mark.slow
def test_rows_with_decay_end_as_predicted():
    """Errors of 500 fresh samples are good to 0.022, four of which are allowed; times as in the table's own caption."""
    rows = {
        row.label: row for row in measure(cell for cell in cures(BASE) if cell[0].startswith(("none", "weight decay")))
    }
    assert rows["weight decay, right"].measured.robust_test == 0.0 < 0.3 < rows["none"].measured.robust_test
    assert np.isinf(rows["weight decay, right"].measured.memorised)
    assert np.isinf(rows["weight decay, too much"].measured.memorised)
    for label in ("none", "weight decay, too little", "weight decay, right"):
        row = rows[label]
        assert row.measured.robust_test == pytest.approx(row.predicted.robust_test, abs=0.09), label
        assert row.measured.memorised == pytest.approx(row.predicted.memorised, rel=0.35), label


@pytest.mark.slow
def test_the_plane_has_its_edges():
    edges = decay_plane(BASE, [1e-3], {"gap": [0.01]})
    low, high = edges.sample_edges[0]
    assert low < high < edges.signal_edges[0]
    plane = decay_plane(BASE, [0.3 * low, 3.0 * high], {"gap": [0.01]})
    assert plane.memorised.ravel().tolist() == [1.0, 0.0]
    assert plane.robust_test[1, 0] == 0.0 < plane.robust_test[0, 0]


@pytest.mark.parametrize(
    ("across", "values"), [("samples", [2, 4]), pytest.param("gap", [0.01, 0.1], marks=pytest.mark.slow)]
)
def test_a_cell_of_the_plane_is_the_run_of_its_parameters(across, values):
    decay = 2e-3
    plane = decay_plane(BASE, [decay], {across: values})
    steps = int(np.ceil(DECAY_TIMES / (decay * BASE.flow_rate)))
    for value, error, share in zip(values, plane.robust_test[0], plane.memorised[0], strict=True):
        run = simulate(BASE.replace(**{across: value}, weight_decay=decay, steps=steps))
        assert error == run.final("robust_test_error")
        assert share == np.mean(run.final("memorization") >= MEMORISED)


@pytest.mark.slow
def test_workers_give_the_same_rows():
    cells = [cell for cell in cures(BASE) if cell[0] in ("weight decay, too much", "early stopping")]
    assert repr(measure(cells, workers=1)) == repr(measure(cells))  # nan among them


def test_no_workers_are_refused():
    with pytest.raises(ParameterError, match="workers is 0"):
        measure([], workers=0)
