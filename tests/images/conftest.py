"""Where the tests of real images find the real files: `CGROSIM_DATA`, or `shared/data` beside the repository."""

import os
from pathlib import Path

import pytest

BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds `mnist`, `fashion-mnist` and `cifar-10`; without one the test is skipped."""
    named = os.environ.get("CGROSIM_DATA")
    folder = Path(named) if named else BESIDE_THE_REPOSITORY
    if not folder.is_dir():
        pytest.skip("no real data sets: set CGROSIM_DATA to a folder with mnist, fashion-mnist and cifar-10")
    return folder


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures in place of an experiment's, written like any other; tests without this fixture draw true ones."""
    from cgrosim.figures.style import new_figure, styled

    def blank(*data: object, **options: object) -> object:
        with styled():
            return new_figure(1.0, 1.0, layout=None)

    for name in (
        "image_stages.image_stages_figure",
        "landscape.landscape_figure",
        "landscape_epochs.landscape_epochs_figure",
        "robust_curves.robust_curves_figure",
        "capacity.capacity_figure",
    ):
        monkeypatch.setattr(f"cgrosim.figures.{name}", blank)
