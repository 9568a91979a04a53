"""Docstrings of the house for Sphinx: plain text with formulas, and ``name : what it is`` on one line."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*) : (?P<text>.+)")
LITERAL = re.compile(r"(``.+?``|`[^`\n]+?`)", re.DOTALL)
UNDERLINE = re.compile(r"-{3,}")


def translated(lines: list[str]) -> list[str]:
    """A docstring as reStructuredText that means what the plain text says."""
    return _unfolded(_escaped("\n".join(_set_off(lines))).split("\n"))


def _set_off(lines: list[str]) -> list[str]:
    """Formulas that are indented below a sentence become paragraphs of their own."""
    first = next((n for n, line in enumerate(lines) if UNDERLINE.fullmatch(line.strip())), len(lines))
    result: list[str] = []
    listed = False
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        listed = line.startswith("- ") or (listed and line.startswith(" "))
        turned = line.startswith(" ") != before.startswith(" ") and not listed
        if number < first and line.strip() and before.strip() and turned:
            result.append("")
        result.append(line)
    return result


def _escaped(text: str) -> str:
    """Bars, stars and underscores of formulas are no markup; names between single backticks are code."""
    parts = LITERAL.split(text)
    for number, part in enumerate(parts):
        if number % 2:
            tight = re.match(r"[\w^(]", parts[number + 1])
            parts[number] = f"``{part.strip('`')}``" + (r"\ " if tight else "")
        else:
            part = re.sub(r"(?m)^(\s*)\*{1,2}(?=\w+(,| :|$))", r"\1\0", part)  # names of arguments, for napoleon
            part = re.sub(r"(?<=\w)_(?!\w)", r"\_", part)
            parts[number] = part.replace("|", r"\|").replace("*", r"\*").replace("\0", "**")
    return "".join(parts)


def _unfolded(lines: list[str]) -> list[str]:
    """Entries ``name : text`` with the text on lines of their own.

    NumPy's convention has the type behind the colon; here annotations give types, and what stands there is prose.
    """
    result: list[str] = []
    inside = False
    for line in lines:
        found = ENTRY.fullmatch(line)
        if found:
            result += [found["names"], f"    {found['text']}"]
            inside = True
        elif inside and line.startswith("    "):
            result.append(f"    {line.strip()}")
        else:
            inside = False
            result.append(line)
    return result


def _process(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = translated(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Before napoleon, which has the usual priority."""
    app.connect("autodoc-process-docstring", _process, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
