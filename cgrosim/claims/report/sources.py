"""Where a claim is written, and which functions of the theory it compares with: names, lines and text, for the report.

The functions are found in the code: those of `cgrosim.theory` that the measurement uses, itself or through functions of
its own module, of `cgrosim.claims`, of the predictions and of the studies.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cgrosim.claims.claim import Claim
from cgrosim.claims.own_files import functions_of

THEORY, CLAIMS = "cgrosim.theory.", "cgrosim.claims."
EVERYWHERE = (f"{THEORY}setting", f"{THEORY}regime")  # of hypotheses and parameters: no prediction
FOLLOWED = (CLAIMS, "cgrosim.predictions.", "cgrosim.studies.")
ARXIV = re.compile(r"arXiv[: ]\s*(\d{4}\.\d{4,5})\s*(v\d+)?")


@dataclass(frozen=True)
class Source:
    """A function: its dotted name, the line it begins on, its text."""

    name: str
    line: int
    text: str

    @property
    def anchor(self) -> str:
        """Of its place on the page."""
        return f"source-{self.name}"


def source_of(function: Any) -> Source | None:
    """Where a function is written; None where nobody knows."""
    return _read(function) if callable(function) and isinstance(function, Hashable) else None


@cache
def _read(function: Any) -> Source | None:
    try:
        lines, line = inspect.getsourcelines(inspect.unwrap(function))
    except (OSError, TypeError):  # no function, or one that was typed in
        return None
    return Source(f"{function.__module__}.{function.__qualname__}", line, "".join(lines))


def measured_by(claim: Claim) -> list[Source]:
    """The functions that measure a claim: its study and its rules, or both in one."""
    found = [source_of(function) for function in functions_of(claim)]
    return [source for source in found if source and not source.name.startswith(f"{CLAIMS}claim.")]


def theory_of(claim: Claim) -> list[Source]:
    """The functions of the theory that a claim compares with, in the order of their names."""
    waiting = [(function.__module__, getattr(function, "__name__", "")) for function in functions_of(claim)]
    own = {module for module, _ in waiting}
    seen, found = set[tuple[str, str]](), set[tuple[str, str]]()
    while waiting:
        place = module, name = waiting.pop()
        if module.startswith(THEORY):
            found |= {place} if module not in EVERYWHERE else set()
        elif place not in seen and (module in own or module.startswith(FOLLOWED)):
            waiting += _used(module).get(name, ())
        seen.add(place)
    sources = (source_of(getattr(sys.modules.get(module), name, None)) for module, name in sorted(found))
    return [source for source in sources if source is not None]


@cache
def _used(module: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """For every function and class of a module the names it uses, each with the module it comes from."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return {}
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    origin: dict[str, tuple[str, str]] = {}
    own = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                origin[alias.asname or alias.name] = (node.module, alias.name)
    origin.update({name: (module, name) for name in own})
    return {
        name: tuple(dict.fromkeys(place for inner in ast.walk(node) for place in _places(inner, origin)))
        for name, node in own.items()
    }


def _places(node: ast.AST, origin: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
    if isinstance(node, ast.Name) and node.id in origin:
        return [origin[node.id]]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in origin:
        module, name = origin[node.value.id]  # from cgrosim.theory import plateau; plateau.quadrature
        return [(f"{module}.{name}", node.attr)]
    return []


def papers(source: str) -> list[tuple[str, str]]:
    """The papers that a source names: their identifier, and where they are."""
    found = dict.fromkeys(f"{number}{version or ''}" for number, version in ARXIV.findall(source))
    return [(name, f"https://arxiv.org/abs/{name}") for name in found]
