"""Whole files of every format, to be damaged or rebuilt."""

import pytest
from formats import all_formats


@pytest.fixture(scope="module")
def formats(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # no figure is read again
        patch.setattr("cgrosim.images.experiments.runner.write_figures", lambda *given, **more: [])
        return all_formats(tmp_path_factory.mktemp("formats"))
