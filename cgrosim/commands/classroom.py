"""``cgrosim classroom``: the page for a class, as one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from cgrosim.commands.terminal import print_line, progress_bar


@dataclass(frozen=True)
class Classroom:
    """Write the classroom: one page that computes live and offline, for a projector, a laptop or a phone."""

    out: Annotated[Path, tyro.conf.arg(metavar="HTML", help="the page to write")] = Path("lesson.html")
    open: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """show it in the browser"""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace another file of that name (a page of cgrosim is replaced anyway)"""
    from_run: Annotated[
        Path | None, tyro.conf.arg(name="from", metavar="RUN.NC", help="begin with the start of this run")
    ] = None

    def run(self) -> int:
        """Write the page, and open it if asked."""
        from cgrosim.classroom.page import write_page

        given = None
        if self.from_run is not None:
            from cgrosim.classroom.lesson import given_of
            from cgrosim.files.words import shown
            from cgrosim.run.results import load

            with progress_bar("reading the run"):
                given = given_of(load(self.from_run), shown(self.from_run.name))
        _check_replaceable(self.out, self.overwrite)
        path = write_page(self.out, given)
        print_line(f"written {path} ({path.stat().st_size / 1000:.0f} kB, needs no network)")
        if self.open:
            import webbrowser

            if not webbrowser.open(path.resolve().as_uri()):
                print_line("no browser was found to open it with")
        return 0


def _check_replaceable(path: Path, overwrite: bool) -> None:
    """Refuse to write over what is no page of ours."""
    from cgrosim.classroom.page import is_page
    from cgrosim.errors import FileError
    from cgrosim.files.words import shown

    if path.exists() and not overwrite and not is_page(path):
        raise FileError(f"{shown(path)} exists and is no page of cgrosim; choose another --out, or give --overwrite.")
