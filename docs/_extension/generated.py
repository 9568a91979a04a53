"""What pages take from the program itself: a line ``<!-- generated: NAME -->`` is replaced before it is parsed.

Every maker returns Markdown and runs no simulation; an unknown name stops the build.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import claims
import commands
import experiments
import interface
import statements
import tables
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

MARK = re.compile(r"^<!-- generated: ([\w.-]+)(?: ([\w., -]+))? -->$", re.MULTILINE)
MAKERS: dict[str, Callable[..., str]] = {
    "claims": claims.catalogue,
    "commands": commands.pages,
    "gallery": experiments.gallery,
    "interface": interface.room,
    "theory": interface.theory,
    "parameters": tables.parameters,
    "recorded": tables.recorded,
    "predicted": tables.predicted,
    "hypotheses": tables.hypotheses,
    "activations": tables.activations,
    "files": tables.files,
    "statements": statements.statements,
}


def filled(text: str) -> str:
    """A page with every mark replaced.

    Raises
    ------
    ExtensionError
        If a mark asks for what nobody makes.
    """

    def made(found: re.Match[str]) -> str:
        name, arguments = found.group(1), found.group(2)
        if name not in MAKERS:
            raise ExtensionError(f"nothing generates {name!r}; there are {', '.join(MAKERS)}")
        return MAKERS[name](*([] if arguments is None else arguments.split()))

    return MARK.sub(made, text)


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Fill every page as it is read."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
