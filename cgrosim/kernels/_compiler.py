"""The compiler, looked at before any kernel is made: settings of it that no kernel can run with are one sentence."""

from __future__ import annotations

import os
import re
import warnings

from cgrosim.errors import UserError

with warnings.catch_warnings(record=True) as _said:
    warnings.simplefilter("always")
    try:
        import numba
    except ValueError as error:  # the only setting that is refused on import
        raise UserError(
            f"NUMBA_NUM_THREADS is {os.environ.get('NUMBA_NUM_THREADS')!r}; it must be a whole number of at least 1"
        ) from error
for _warning in _said:  # Numba prints a traceback and goes on with its default
    if _unread := re.match(r"Environment variable '(\w+)' is defined", str(_warning.message)):
        raise UserError(
            f"{_unread[1]} is {os.environ.get(_unread[1])!r}, which the compiler cannot read; correct it, or unset it"
        )
    warnings.warn_explicit(_warning.message, _warning.category, _warning.filename, _warning.lineno)

MOST_THREADS = max(1024, 16 * (os.cpu_count() or 1))  # OpenMP takes memory for each, and ends the process without it

if numba.config.NUMBA_NUM_THREADS > MOST_THREADS:
    raise UserError(
        f"NUMBA_NUM_THREADS is {numba.config.NUMBA_NUM_THREADS}, but can be at most {MOST_THREADS} here; unset it, or"
        f" set it to the number of processors, {os.cpu_count() or 1}"
    )
if numba.config.DISABLE_JIT:
    raise UserError(
        f"NUMBA_DISABLE_JIT is {numba.config.DISABLE_JIT}: the kernels are machine code and cannot run without the"
        " compiler; unset it"
    )
