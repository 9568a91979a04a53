"""The public names of a room, and the modules of the theory, as directives for autodoc."""

from __future__ import annotations

import importlib
import inspect
import re

import cgrosim.theory


def room(name: str) -> str:
    """Every public name of a module."""
    module = importlib.import_module(name)
    return "\n".join(_entry(name, each, getattr(module, each)) for each in sorted(module.__all__, key=str.lower))


def _entry(module: str, name: str, thing: object) -> str:
    if isinstance(thing, type):
        directive = f".. autoclass:: {module}.{name}\n   :members:"
    elif inspect.isroutine(thing):
        directive = f".. autofunction:: {module}.{name}"
    else:
        directive = f".. autodata:: {module}.{name}\n   :no-value:"
    return f"## {name}\n\n```{{eval-rst}}\n{directive}\n```\n"


def groups() -> dict[str, list[tuple[str, str]]]:
    """The modules of the theory with a line each, by the headings of its docstring."""
    found: dict[str, list[tuple[str, str]]] = {}
    heading = ""
    for line in inspect.cleandoc(cgrosim.theory.__doc__ or "").splitlines():
        entry = re.fullmatch(r"    (\w+): (.*)", line)
        if entry:
            found.setdefault(heading, []).append((entry[1], entry[2]))
        elif line.strip():
            heading = line.strip()
    return found


def theory(*heading: str) -> str:
    """The modules under one heading, each with its public functions."""
    parts = []
    for name, says in groups()[" ".join(heading)]:
        directive = f".. automodule:: cgrosim.theory.{name}\n   :members:"
        parts.append(f"## {name}\n\n*{says}*\n\n```{{eval-rst}}\n{directive}\n```\n")
    return "\n".join(parts)
