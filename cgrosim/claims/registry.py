"""Finds every claim: each module of `cgrosim.claims.catalogue` lists its own in CLAIMS."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from cgrosim.claims.claim import Claim
from cgrosim.errors import UserError
from cgrosim.files.words import quoted, suggested

READING_ORDER = (
    "theorem",
    "generalization",
    "success",
    "growth",
    "growth_law",
    "growth_slopes",
    "stage_order",
    "stagnation",
    "memorisation",
    "memorisation_kicks",
    "memorisation_slopes",
    "control",
    "control_pairs",
    "weight_sweep",
    "phase",
    "cures_decay",
    "cures_robustness",
    "cures_clock",
    "cures_unlearnable",
    "robust_distance",
    "threat_gap",
    "representation",
    "representation_robust",
    "flatness",
    "flatness_order",
    "flatness_images",
    "images_overfitting",
    "images_capacity",
    "images_landscape",
)  # the story first, then the others (the ground it stands on) by name


@lru_cache(maxsize=1)
def all_claims() -> dict[str, Claim]:
    """Every claim by name, in reading order."""
    from cgrosim.claims import catalogue as claims

    def place(name: str) -> tuple[int, str]:
        return (READING_ORDER.index(name) if name in READING_ORDER else len(READING_ORDER), name)

    found: dict[str, Claim] = {}
    for name in sorted((module.name for module in pkgutil.iter_modules(claims.__path__)), key=place):
        for claim in importlib.import_module(f"{claims.__name__}.{name}").CLAIMS:
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
            raise UserError(f"claim {quoted(name)} does not exist; {suggested(name, known, 'the claims are')}")
    return [known[name] for name in names] if names else list(known.values())
