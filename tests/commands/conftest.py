"""Runs of the command whose figures and predictions are not what is tested: some four seconds of five."""

from importlib import import_module

import pytest

KNOWN: dict[str, object] = {}


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures in place of a run's, written like any other, and one prediction for all runs of the same params.

    `test_cli` and `tests/figures` draw the true ones.
    """
    from cgrosim.figures.style import new_figure, styled

    def blank(*data: object, **options: object) -> object:
        with styled():
            return new_figure(1.0, 1.0, layout=None)

    truly = import_module("cgrosim.predictions.predict").predict

    def known(run: object) -> object:
        key = run.params.model_dump_json()
        if key not in KNOWN:
            KNOWN[key] = truly(run)
        return KNOWN[key]

    for name in ("three_stage_figure", "neuron_plane_figure", "memorisation_law_figure"):
        monkeypatch.setattr(f"cgrosim.figures.{name}", blank)
    monkeypatch.setattr("cgrosim.predictions.predict.predict", known)
