"""Rows of words as a plain-text table and as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cgrosim.files.words import shown


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Columns under a line of headings, in letters that every locale can print."""
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def as_html(rows: Sequence[Sequence[str]]) -> str:
    """The same as an HTML table, its first row as headings."""
    lines = []
    for place, row in enumerate(rows):
        tag = "th" if place == 0 else "td"
        cells = "".join(f"<{tag} style='text-align:left'>{html.escape(shown(cell))}</{tag}>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def in_short(values: ArrayLike) -> str:
    """A number, or the mean and the range of several; nan is left out and told."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    known = flat[~np.isnan(flat)]
    if len(flat) == 1 or not len(known):
        return f"{flat[0]:.6g}" if len(known) else "none"
    missing = f", {len(flat) - len(known)} of {len(flat)} none" if len(known) < len(flat) else ""
    return f"{known.mean():.6g} [{known.min():.6g}, {known.max():.6g}]{missing}"
