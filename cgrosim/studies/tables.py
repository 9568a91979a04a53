"""Tables of simulations that claims share: every study is run once for a context and a world, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cgrosim.studies.context import Context
from cgrosim.studies.world import CLAIMED, Asked, World, heard, watched

Study = Callable[[Context, World], Any]
"""What a world gives, from its seeds alone: a function of a context and a world, defined in a module."""


def table(study: Study, context: Context, world: World) -> Any:
    """What a study gives in a world. Worlds of the same changes are the same, whatever they are called."""
    found, asked = _table(study, context, world.changes)
    heard(asked)
    return found


@lru_cache(maxsize=32)
def _table(study: Study, context: Context, changes: tuple[tuple[str, Any], ...]) -> tuple[Any, Asked]:
    with watched() as asked:
        return study(context, World("changed", **dict(changes)) if changes else CLAIMED), asked
