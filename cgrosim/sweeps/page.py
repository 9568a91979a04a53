"""The page of a sweep: progress, a map of what is done, figures; while the work goes on it reloads itself."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgrosim.files.atomic import write_text
from cgrosim.files.words import counted
from cgrosim.sweeps.progress import State, in_words

PAGE = "index.html"
RELOAD_SECONDS = 3
MOST_ROWS, MOST_COLUMNS = 60, 120
CELL, GAP = 14, 1  # pixels of the map

STYLE = """
body{font:16px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#111;background:#fff}
h1{font-size:1.4rem;margin:0 0 .4rem} .bar{height:1.1rem;background:#ddd;border-radius:3px;overflow:hidden}
.bar div{height:100%;background:#0072B2} dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dt{color:#555} dd{margin:0} figure{margin:1.2rem 0} img{max-width:100%;height:auto} figcaption{color:#555}
.bad{color:#A33F00;font-weight:600}
"""


class Page:
    """Writes the page of a sweep, now and then.

    Parameters
    ----------
    folder
        Of the sweep.
    seconds
        Between two writings.
    """

    def __init__(self, folder: Path, seconds: float = 2.0) -> None:
        self._path, self._seconds, self._written = folder / PAGE, seconds, -np.inf

    def __call__(self, state: State) -> bool:
        """Write it, if it is time or the work has ended; always true, for what fails is an exception."""
        now = time.monotonic()
        if state.status != "running" or now - self._written >= self._seconds:
            write_text(self._path, page(state))
            self._written = now
        return True


def page(state: State, figures: Sequence[str] = (), failures: Sequence[str] = ()) -> str:
    """The page as HTML that needs nothing else.

    Parameters
    ----------
    state : how far the work is
    figures : names of files beside the page
    failures : what happened in cells that failed or diverged
    """
    running = state.status == "running"
    reload = f'<meta http-equiv="refresh" content="{RELOAD_SECONDS}">' if running else ""
    failed = int(state.failed.sum())
    facts = [
        ("status", state.status if state.status != "stopped" else "stopped by an error; the same command goes on"),
        ("cells", f"{state.cells} of {state.grid.size} done"),
        ("failed or diverged", f'<span class="bad">{failed}</span>' if failed else "none"),
        ("done by", html.escape(state.where)),
    ]
    if state.rate > 0:
        facts.append(("speed", f"{state.rate:.3g} cells a second"))
    if running and 0 < state.seconds_left < float("inf"):
        facts.append(("time left", f"about {in_words(state.seconds_left)}"))
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    shown = "".join(f'<figure><img src="{html.escape(name)}" alt="{html.escape(name)}"></figure>' for name in figures)
    sentences = "".join(f"<li>{html.escape(text)}</li>" for text in failures)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{reload}<title>cgrosim sweep, '
        f"{100.0 * state.share:.0f} %</title><style>{STYLE}</style></head><body><h1>Sweep over {_varied(state)}</h1>"
        f'<div class="bar"><div style="width:{100.0 * state.share:.2f}%"></div></div><dl>{listed}</dl>'
        f"{_map(state)}{f'<ul>{sentences}</ul>' if sentences else ''}{shown}</body></html>\n"
    )


def _varied(state: State) -> str:
    parts = [f"{axis.dim.replace('_', ' ')} ({len(axis)})" for axis in state.grid.axes]
    return html.escape(f"{', '.join(parts)} and {counted(len(state.grid.seeds), 'seed')}")


def _map(state: State) -> str:
    """The first two axes as a picture: how much of each point is done, red where runs failed or diverged."""
    done, failed = two_dimensional(state, MOST_ROWS, MOST_COLUMNS)
    rows, columns = done.shape
    squares = []
    for (row, column), share in np.ndenumerate(done):
        colour = "#D55E00" if failed[row, column] else f"rgb({_shade(share, 0)},{_shade(share, 1)},{_shade(share, 2)})"
        x, y = column * (CELL + GAP), (rows - 1 - row) * (CELL + GAP)
        squares.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{colour}"/>')
    names = [axis.dim.replace("_", " ") for axis in state.grid.axes]
    across, up = html.escape(names[0]), html.escape(names[1]) if len(names) > 1 else "all"
    width, height = columns * (CELL + GAP), rows * (CELL + GAP)
    return (
        f'<figure><svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label='
        f'"share of the runs done at every point">{"".join(squares)}</svg><figcaption>Share of the runs that are '
        f"done (blue), over {across} (to the right) and {up} (upwards); orange: some failed or "
        "diverged.</figcaption></figure>"
    )


def _shade(share: float, channel: int) -> int:
    light, dark = (226, 226, 226), (0, 114, 178)
    return round(light[channel] + share * (dark[channel] - light[channel]))


def two_dimensional(state: State, most_rows: int, most_columns: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Share done, and whether any failed: rows are the second axis, columns the first; what is more is merged."""
    shape = state.grid.shape[:-1]
    wide, high = shape[0], shape[1] if len(shape) > 1 else 1
    done = state.done.reshape(wide, high, -1).sum(axis=-1)
    failed = state.failed.reshape(wide, high, -1).sum(axis=-1)
    each = state.grid.size // (wide * high)
    columns = np.arange(wide) * min(wide, most_columns) // wide
    rows = np.arange(high) * min(high, most_rows) // high
    sums = np.zeros((3, int(rows[-1]) + 1, int(columns[-1]) + 1))
    for place, counts in enumerate((done, failed, np.full((wide, high), each))):
        np.add.at(sums[place], (rows[None, :], columns[:, None]), counts)
    return sums[0] / sums[2], sums[1] > 0
