"""A sweep on the terminal: a line of numbers and a map that fills; plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cgrosim.commands.terminal import errors, progress_bar

if TYPE_CHECKING:
    from cgrosim.sweeps.progress import State

ROWS, MARGIN = 20, 4  # of the map, and of the columns it leaves free
BLOCKS, LETTERS = "·░▒▓█", ".:-=#"


@contextmanager
def sweep_view() -> Iterator[Callable[[State], None]]:
    """Yield what shows a state; on standard error, so that results can be piped."""
    if not errors.is_terminal:
        with progress_bar("sweep") as progress:
            yield lambda state: progress(str(state), state.share)
        return
    from rich.live import Live

    with Live(console=errors, transient=True, refresh_per_second=4) as live:
        yield lambda state: live.update(drawn(state, errors.width, errors.encoding))


def drawn(state: State, width: int, encoding: str) -> Any:
    """The state as text for the terminal."""
    from rich.text import Text

    from cgrosim.sweeps.page import two_dimensional

    marks = BLOCKS if "utf" in encoding.lower() else LETTERS
    text = Text(f"sweep: {state}\n")
    done, failed = two_dimensional(state, ROWS, max(width - MARGIN, 10))
    for row in range(len(done) - 1, -1, -1):
        for share, bad in zip(done[row], failed[row], strict=True):
            # a point shows the last mark only when all of it is done
            mark = marks[min(int(share * (len(marks) - 1)) + (0 < share < 1), len(marks) - 1 - (share < 1))]
            text.append(mark, style="red" if bad else "blue")
        text.append("\n")
    axes = [axis.dim.replace("_", " ") for axis in state.grid.axes]
    upwards = f", {axes[1]} upwards" if len(axes) > 1 else ""
    text.append(f"{axes[0]} to the right{upwards}; red: some failed or diverged", style="dim")
    return text
