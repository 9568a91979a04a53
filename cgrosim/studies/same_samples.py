"""Samples of a run in a world that has more or fewer of them than are claimed, beside those that are claimed.

The first samples of a run start where those of a run with more of them do, up to overlaps of d^(-1/2), if both are
drawn in law from one seed (`cgrosim.model.sampling.draw_gram`): so an error in N is seen in the samples that both have.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def of_same_samples(values: ArrayLike, samples: int) -> NDArray[np.float64]:
    """Values (N', ...) of the first samples, as many as are claimed; nan for those that are not there."""
    given = np.asarray(values, dtype=np.float64)[:samples]
    missing = np.full((samples - len(given), *given.shape[1:]), np.nan)
    return np.concatenate((given, missing))
