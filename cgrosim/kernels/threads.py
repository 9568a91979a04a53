"""When a kernel uses threads: by the size of the problem. The result has the same bits either way."""

from __future__ import annotations

import numba


def worth_threads(multiplications: int, enough: int) -> bool:
    """Whether a call with this many multiplications should take its threaded form.

    A threaded kernel must not run from two Python threads at once (Numba's simplest thread pool forbids it):
    programs that run several problems side by side give each its own process, with ``NUMBA_NUM_THREADS=1``.
    """
    # The first test is free; asking for the number of threads starts them.
    return multiplications >= enough and numba.config.NUMBA_NUM_THREADS > 1 and numba.get_num_threads() > 1
