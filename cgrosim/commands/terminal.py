"""The terminal: one console, one progress bar, one announcement of the first compilation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

console = Console()
_errors = Console(stderr=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[str, float], None]]:
    """A bar with the time left, on standard error, so that results can be piped."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_errors, transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda what, share: bar.update(task, completed=share, description=f"{title}: {what}")


def announce_compilation(*rooms: str) -> None:
    """Say that the first run compiles, when it will; `rooms` are folders of kernels below the package."""
    if not all(_is_compiled(room) for room in rooms or ("kernels",)):
        _errors.print("compiling the kernels (first run only, about ten seconds)", highlight=False)


def _is_compiled(room: str) -> bool:
    """Whether compiled kernels newer than their sources lie in the cache; asked before anything heavy is imported."""
    kernels = Path(__file__).parents[1] / room
    cache = os.environ.get("NUMBA_CACHE_DIR")
    compiled = Path(cache).rglob("*.nbc") if cache else (kernels / "__pycache__").glob("*.nbc")
    newest = max((file.stat().st_mtime for file in compiled), default=0.0)
    return newest > max(file.stat().st_mtime for file in kernels.glob("*.py"))


def print_notice(sentence: str) -> None:
    """One sentence on standard error that is no error."""
    _errors.print(f"cgrosim: {sentence}", highlight=False, markup=False, soft_wrap=True)


def print_error(sentence: str) -> None:
    """One sentence on standard error."""
    _errors.print(f"cgrosim: {sentence}", style="bold red", highlight=False, markup=False, soft_wrap=True)
