"""A grid of runs of some milliseconds each, and executors that count what they do."""

import os
import signal
from pathlib import Path

from cgrosim import Params
from cgrosim.executors.executor import Here
from cgrosim.sweeps.batches import run_batch

SMALL = Params.from_paper(
    200, samples=4, patches=2, neurons=3, steps=40, sampling="gram", engine="reduced", test_samples=20, seed=5
)
OVER = {"gap": [0.01, 0.1, 0.3], "samples": [2, 4]}
KEEP = ("robust_test_error", "memorization")
SETTINGS = {"seeds": 2, "keep": KEEP, "predicted_seeds": 0}


class Counting(Here):
    """Works here, notes every row it was given, and can be stopped after some batches."""

    def __init__(self, stop_after=None, error=KeyboardInterrupt):
        self.rows, self._stop_after, self._error = [], stop_after, error

    def map(self, function, jobs):
        """Every job in its order."""
        for done, job in enumerate(jobs):
            if done == self._stop_after:
                raise self._error
            self.rows += range(job.first, job.last)
            yield job, function(job)


class Backwards(Here):
    """Does the jobs in the opposite order."""

    def map(self, function, jobs):
        """Every job, the last one first."""
        for job in reversed(list(jobs)):
            yield job, function(job)


class Killing:
    """Ends its worker where a row is asked for, every time or the first time only."""

    def __init__(self, row, flag):
        self.row, self.flag = row, flag

    def __call__(self, batch):
        """Run the batch, or end."""
        if batch.first <= self.row < batch.last and (self.flag is None or not Path(self.flag).exists()):
            if self.flag is not None:
                Path(self.flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return run_batch(batch)
