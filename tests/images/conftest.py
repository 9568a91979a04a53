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
