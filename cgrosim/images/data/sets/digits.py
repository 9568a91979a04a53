"""The digits of scikit-learn, which need no network."""

from __future__ import annotations

from pathlib import Path

from cgrosim.images.data.raw_files import RawData
from cgrosim.images.data.sources import DataSource
from cgrosim.progress import Progress


def _read(data_dir: Path | None, progress: Progress | None) -> RawData:
    from cgrosim.images.data.digits import read_digits

    return read_digits()


SOURCE = DataSource("digits", tuple("0123456789"), 16, _read)
