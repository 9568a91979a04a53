"""The terminal: one console, one progress bar, one announcement of the first compilation.

What is said here is never worth a result: a terminal that was closed, a full disk behind it, a pipe whose reader has
gone or an encoding without our letters loses words, and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from rich.console import Console

from cgrosim.errors import UserError
from cgrosim.files.words import shown

PIPE_SECONDS = 2.0  # between two lines of progress where there is no terminal to draw a bar on

Made = TypeVar("Made")


class Stream:
    """``sys.stdout`` or ``sys.stderr`` as it is when something is said; what it does not take is dropped."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lost: Any = None

    def _current(self) -> Any:
        stream = getattr(sys, self._name)
        stream = getattr(stream, "rich_proxied_file", stream)  # what a bar of rich put in its place leads back here
        return None if stream is self._lost else stream

    @property
    def encoding(self) -> str:
        """Encoding of the stream, by which rich chooses the lines of its tables."""
        return getattr(self._current(), "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write; letters that the encoding lacks become question marks."""
        stream = self._current()
        if stream is not None:
            try:
                stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
            except (OSError, ValueError):
                self._give_up(stream)
        return len(text)

    def flush(self) -> None:
        """Flush."""
        stream = self._current()
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                self._give_up(stream)

    def isatty(self) -> bool:
        """Whether a terminal reads it."""
        try:
            return bool(self._current().isatty())
        except (AttributeError, OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Descriptor of the stream."""
        return int(self._current().fileno())

    def _give_up(self, stream: Any) -> None:
        """Say nothing more there; what still waits in its buffer would raise again when the interpreter ends."""
        self._lost = stream
        with suppress(AttributeError, OSError, ValueError):
            if stream.fileno() in (1, 2):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


console = Console(file=cast(IO[str], Stream("stdout")))
errors = Console(file=cast(IO[str], Stream("stderr")))


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[str, float], None]]:
    """A bar with the time left, on standard error, so that results can be piped; a line now and then in a pipe."""
    if not errors.is_terminal:
        with _lines(title) as progress:
            yield progress
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Left

    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), text, BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), Left())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda what, share: bar.update(task, completed=share, description=f"{title}: {what}")


@contextmanager
def _lines(title: str) -> Iterator[Callable[[str, float], None]]:
    """Plain lines of progress from a thread of their own, so that a phase that reports nothing is not silent."""
    began, over = time.monotonic(), threading.Event()
    latest = ("", 0.0)

    def progress(what: str, share: float) -> None:
        nonlocal latest
        latest = (what, share)

    def speak() -> None:
        while not over.wait(PIPE_SECONDS):
            what, share = latest
            parts = (what, f"{100 * share:.0f} %" if share > 0.0 else "", f"{time.monotonic() - began:.0f} s")
            print_notice(f"{title}: {', '.join(part for part in parts if part)}")

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield progress
    finally:
        over.set()
        speaker.join()


def attempted(what: str, make: Callable[[], Made]) -> Made | None:
    """Make something that a finished run can do without; its failure is one sentence and None."""
    try:
        return make()
    except UserError as error:
        print_error(f"no {what}: {error}")
    except Exception as error:  # whatever a library raises over values that no one foresaw
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        print_error(f"no {what} ({type(error).__name__}: {shown(reason)}); what was computed is saved.")
    return None


def announce_compilation(*rooms: str) -> None:
    """Say that the first run compiles, when it will; `rooms` are folders of kernels below the package."""
    if not all(_is_compiled(room) for room in rooms or ("kernels",)):
        errors.print("compiling the kernels (first run only, about ten seconds)", highlight=False)


def _is_compiled(room: str) -> bool:
    """Whether compiled kernels newer than their sources lie in the cache; asked before anything heavy is imported."""
    kernels = Path(__file__).parents[1] / room
    cache = os.environ.get("NUMBA_CACHE_DIR")
    compiled = Path(cache).rglob("*.nbc") if cache else (kernels / "__pycache__").glob("*.nbc")
    newest = max((file.stat().st_mtime for file in compiled), default=0.0)
    return newest > max(file.stat().st_mtime for file in kernels.glob("*.py"))


def print_line(text: str) -> None:
    """One line of results on standard output, as it is."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def print_notice(sentence: str) -> None:
    """One sentence on standard error that is no error."""
    errors.print(f"cgrosim: {sentence}", highlight=False, markup=False, soft_wrap=True)


def print_error(sentence: str) -> None:
    """One sentence on standard error."""
    errors.print(f"cgrosim: {sentence}", style="bold red", highlight=False, markup=False, soft_wrap=True)
