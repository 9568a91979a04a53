"""The help of every command as Markdown: what the parsers print, so that no option is described twice."""

from __future__ import annotations

import contextlib
import io
import os
import pkgutil

from cgrosim.commands.image_tools import TOOLS
from cgrosim.commands.main import main, subcommands
from cgrosim.images.experiments import catalogue

WIDTH = "110"


def help_text(*words: str) -> str:
    """What ``cgrosim WORDS --help`` prints, without colours."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR", "TERM")}
    os.environ.update(COLUMNS=WIDTH, NO_COLOR="1", TERM="dumb")
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            main([*words, "--help"])
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


def pages() -> str:
    """Every command with its help."""
    names = [*(module.name for module in pkgutil.iter_modules(catalogue.__path__)), *TOOLS]
    images = [("images", name) for name in names]
    words: list[tuple[str, ...]] = [(name,) for name in subcommands([])]
    words[words.index(("images",)) + 1 : words.index(("images",)) + 1] = images
    parts = [f"## cgrosim\n\n```text\n{help_text()}\n```\n"]
    parts += [f"## cgrosim {' '.join(each)}\n\n```text\n{help_text(*each)}\n```\n" for each in words]
    return "\n".join(parts)
