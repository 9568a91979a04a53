"""Seeds whose starts a study wants: chosen by the start alone, never by what a run did."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_gram


def chosen_starts(
    params: Params, seeds: Sequence[int], count: int, wanted: Callable[[ClosedSystem], bool]
) -> list[tuple[Params, ClosedSystem]]:
    """The first `count` seeds, or fewer, whose drawn start is wanted: the parameters with that seed, and the start."""
    found: list[tuple[Params, ClosedSystem]] = []
    for seed in seeds:
        if len(found) == count:
            break
        system = draw_gram(params.replace(seed=seed))
        if wanted(system):
            found.append((params.replace(seed=seed), system))
    return found
