"""Entry points of the compiled kernels, and when they may be reused from disk.

Numba's cache looks only at the file of the function that is compiled: it does not notice changes in the modules it
calls, nor the lane count. Entry points are therefore closures over `fingerprint(...)`: the values a function
closes over are part of the key.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from cgrosim.kernels import microkernels
from cgrosim.kernels.compiled_files import make_cache

_OPTIONS = {"nogil": True, "error_model": "numpy"}
INNER = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # what entry points call: part of their code
# Numba counts references to every array at every call: some 500 atomic instructions a step, which is most of the step
# of a small run. What allocates no array, and returns none, can do without.
UNCOUNTED = {"_nrt": False}
BORROWING = {**INNER, **UNCOUNTED}


def entry(parallel: bool = False, *, borrowing: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a kernel that Python or another kernel calls: compiled at the first call, then kept on disk.

    One that is `borrowing` allocates nothing and counts no references; its threaded form needs arrays of its own.
    """
    counting = UNCOUNTED if borrowing and not parallel else {}

    def decorate(function: Callable[..., Any]) -> Any:
        cache = make_cache(function)
        compiled: Any = numba.njit(parallel=parallel, **_OPTIONS, **counting)(named_apart(function))
        compiled._cache = cache
        return compiled

    return decorate


def callback(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a kernel that is called by its address: compiled at once, or loaded from disk."""

    def decorate(function: Callable[..., Any]) -> Any:
        cache = make_cache(function)
        compiled: Any = CFunc(named_apart(function), normalize_signature(signature), {}, {})
        compiled._cache = cache
        compiled.compile()
        return compiled

    return decorate


def named_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a name that tells what it closes over, as no other version of it does.

    Numba tells versions of one closure apart by a count of what the process has compiled. Two of them that two
    processes compiled may then have one name, and in a process that loads both from disk the first answers for the
    second: the product by a matrix for that by its transpose.
    """
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    told = [
        value if isinstance(value, str | int | float | tuple) else getattr(value, "__qualname__", "") for value in held
    ]
    function.__qualname__ += f"_{hashlib.sha256(repr(told).encode()).hexdigest()[:16]}"
    return function


@functools.cache
def fingerprint(variant: str = "serial") -> str:
    """Hash of the kernel sources, the lane count and the name of the variant."""
    return hash_sources(variant, sorted(Path(__file__).parent.glob("*.py")))


def hash_sources(variant: str, sources: list[Path]) -> str:
    """Hash of the name of a variant, the lane count and the text of some files."""
    digest = hashlib.sha256(f"{variant} {microkernels.lanes()} {microkernels.fuses()}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()
