"""Claims from a file of Python that is no part of the package, and the module in which a claim is written."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from cgrosim.claims.claim import Claim
from cgrosim.errors import UserError
from cgrosim.files.words import shown

PREFIX = "cgrosim_claims_of_"
"""Of the names of modules made from files of claims."""


def module_of(claim: Claim) -> str:
    """The name of the module in which a claim is written."""
    return functions_of(claim)[-1].__module__


def functions_of(claim: Claim) -> list[Callable[..., Any]]:
    """The functions that measure a claim: those, too, that are handed to others beforehand; the outermost first."""

    def inner(function: Any) -> list[Callable[..., Any]]:
        if not isinstance(function, partial):
            return [function if hasattr(function, "__module__") else type(function)]
        given = [value for value in (*function.args, *function.keywords.values()) if callable(value)]
        return [found for each in (function.func, *given) for found in inner(each)]

    return inner(claim.measure)


def claims_in(found: Any, where: str) -> tuple[Claim, ...]:
    """The claims that a module lists in CLAIMS, or that are given themselves: one, or several.

    Raises
    ------
    UserError
        If there is none.
    """
    listed = getattr(found, "CLAIMS", found)
    several = (listed,) if isinstance(listed, Claim) else listed
    if not isinstance(several, Sequence) or not several or not all(isinstance(claim, Claim) for claim in several):
        raise UserError(f"{where} lists no claims; end it with CLAIMS = (Claim(...),).")
    return tuple(several)


def claims_of_file(path: str | Path) -> tuple[Claim, ...]:
    """The claims of a file of Python, which is run once a process; it may import modules that stand beside it.

    Raises
    ------
    UserError
        If there is no such file, if it cannot be run, or if it lists no claims.
    """
    place = Path(path).absolute()
    return claims_in(module_of_file(place), shown(path))


@cache
def module_of_file(place: Path) -> ModuleType:
    """The module that a file makes, under a name of its own; `place` is absolute."""
    if not place.is_file():
        raise UserError(f"{shown(place)} is not a file; give a file of Python with CLAIMS = (Claim(...),).")
    name = f"{PREFIX}{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise UserError(f"{shown(place)} is not called .py; give a file of Python with CLAIMS = (Claim(...),).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(place.parent) not in sys.path:
        sys.path.append(str(place.parent))  # last: nothing beside it stands in for what others import
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        raise UserError(
            f"{shown(place)} cannot be run ({type(error).__name__}: {shown(reason)}, line {_line(error, place)}); "
            "mend it first."
        ) from error
    return module


def _line(error: BaseException, place: Path) -> int:
    """The last line of the file that led to an error."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(place):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
