"""Builds the page: one HTML file from the files in ``web``, without Node and without a network."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from cgrosim.errors import FileError
from cgrosim.files.atomic import write_atomically

NUMBERS = ("generator", "model", "flow", "predictions", "story")
"""Scripts that compute; a worker gets the same text."""
PAGE = ("state", "runner", "drawing", "panels", "map", "sheets", "exports", "controls", "main")
"""Scripts that show."""


MARK = '<meta name="generator" content="cgrosim classroom">'
"""What tells a page of ours from other files."""


def source(name: str) -> str:
    """The text of one file of ``web``."""
    return (files("cgrosim.classroom") / "web" / name).read_text(encoding="utf-8")


def texts() -> dict[str, Any]:
    """Every string of the page, of its sheets and lessons."""
    found: dict[str, Any] = json.loads(source("texts.json"))
    return found


def page(given: dict[str, Any] | None = None) -> str:
    """The whole page as text.

    Parameters
    ----------
    given
        The start of a run made in Python, as `cgrosim.classroom.lesson.given_of` describes it; None: the page draws.
    """
    words = texts()
    filled = re.sub(r"\{\{(\w+)\.(\w+)\}\}", lambda match: str(words[match[1]][match[2]]), source("page.html"))
    parts = {
        "/*STYLE*/": source("style.css"),
        "/*TEXTS*/": _embedded(words),
        "/*GIVEN*/": _embedded(given),
        "/*NUMBERS*/": "\n".join(_script(name) for name in NUMBERS),
        "/*PAGE*/": "\n".join(_script(name) for name in PAGE),
    }
    for place, text in parts.items():
        filled = filled.replace(place, text)
    return filled


def write_page(path: str | Path, given: dict[str, Any] | None = None) -> Path:
    """Write the page, atomically.

    Raises
    ------
    FileError
        If the place cannot be written to, or is not called .html.
    """
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise FileError(f"{path} is no name for a page; give one that ends with .html.")
    content = page(given).encode("utf-8")
    return write_atomically(path, lambda file: file.write(content))


def is_page(path: Path) -> bool:
    """Whether a file is a page that `write_page` wrote."""
    try:
        if not path.is_file():  # opening a named pipe would wait for its writer
            return False
        with path.open("rb") as file:
            return MARK.encode() in file.read(4096)
    except OSError:
        return False


def _script(name: str) -> str:
    text = source(f"{name}.js")
    return text.removeprefix('"use strict";\n') if name not in (NUMBERS[0], PAGE[0]) else text


def _embedded(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
