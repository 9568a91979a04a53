"""Shared test settings: the derandomised hypothesis profile, so that the suite gives the same answer every time."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

# The workers and the programs that tests start read one another's bytecode, as they do one another's kernels: where
# none is written, each of them compiles every source again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# There is one test worker a processor; threads of theirs, of Numba or of the BLAS, would only wait for one another, and
# burn the processor meanwhile. The tests of threads start processes of their own.
if "PYTEST_XDIST_WORKER" in os.environ:
    for threads in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(threads, "1")
    threadpool_limits(1, "blas")  # of NumPy, which plugins have loaded by now

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def pressable():
    """Ctrl-C as in a terminal, whatever the test runner has made of it: in the background it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
