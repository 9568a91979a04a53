"""Shared test settings: the derandomised hypothesis profile, so that the suite gives the same answer every time."""

import os
import sys

from hypothesis import HealthCheck, settings

# The workers and the programs that tests start read one another's bytecode, as they do one another's kernels: where
# none is written, each of them compiles every source again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# There is one test worker a processor; threads of theirs would only wait for one another. The tests of threads start
# processes of their own.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
