"""Finds every claim: each module of `cgrosim.verify.claims` lists its own in CLAIMS."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from cgrosim.errors import UserError
from cgrosim.verify.claim import Claim


@lru_cache(maxsize=1)
def all_claims() -> dict[str, Claim]:
    """Every claim by name, in the order of the modules and of their lists."""
    from cgrosim.verify import claims

    found: dict[str, Claim] = {}
    for module in sorted(pkgutil.iter_modules(claims.__path__), key=lambda m: m.name):
        for claim in importlib.import_module(f"{claims.__name__}.{module.name}").CLAIMS:
            assert claim.name not in found, f"two claims are called {claim.name}"
            found[claim.name] = claim
    return found


def select(names: list[str]) -> list[Claim]:
    """The named claims, or all of them.

    Raises
    ------
    UserError
        If a name is unknown.
    """
    known = all_claims()
    for name in names:
        if name not in known:
            raise UserError(f"claim {name!r} does not exist; the claims are {', '.join(known)}.")
    return [known[name] for name in names] if names else list(known.values())
