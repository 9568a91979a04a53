"""A figure that shows itself in a cell of a notebook."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from matplotlib.figure import Figure

DPI = 90.0  # a figure of eleven inches fills the width of a cell


class ShownFigure(Figure):
    """Matplotlib's figure, which a notebook draws without pyplot or a magic command.

    Attributes
    ----------
    styled : the settings to draw with
    """

    styled: Callable[[], AbstractContextManager[Any]]

    def _repr_png_(self) -> bytes:
        """The figure as PNG: what Jupyter asks for where no backend of its own has been switched on."""
        file = io.BytesIO()
        with self.styled():
            self.savefig(file, format="png", dpi=DPI)
        return file.getvalue()
