"""The digits of scikit-learn, which need no network."""

from __future__ import annotations

from pathlib import Path

from cgrosim.errors import ParameterError
from cgrosim.files.words import shown
from cgrosim.images.data.raw_files import RawData
from cgrosim.images.data.sources import DataSource
from cgrosim.progress import Progress


def _read(data_dir: Path | None, progress: Progress | None) -> RawData:
    from cgrosim.images.data.digits import read_digits

    if data_dir is not None:
        raise ParameterError(
            f"digits comes with scikit-learn and is not read from {shown(data_dir)}; leave the folder out, or name it"
            " with --dataset if it holds images of your own."
        )
    return read_digits()


SOURCE = DataSource("digits", tuple("0123456789"), 16, _read)
