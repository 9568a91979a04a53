"""Finds every claim: those of `cgrosim.claims.catalogue`, of installed packages, and of files of one's own.

Each module of the catalogue lists its own in CLAIMS. A package adds claims by an entry point of the group
`cgrosim.claims`, which names a claim, several, or a module with CLAIMS.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from cgrosim.claims.claim import Claim
from cgrosim.claims.own_files import claims_in, claims_of_file
from cgrosim.errors import UserError
from cgrosim.files.words import quoted, shown, suggested

READING_ORDER = (
    "theorem",
    "generalization",
    "success",
    "growth",
    "growth_law",
    "growth_slopes",
    "stage_order",
    "stagnation",
    "dominance",
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
    "representation_needed",
    "coverage",
    "representation_robust",
    "flatness",
    "flatness_likely",
    "flatness_rise",
    "flatness_order",
    "flatness_images",
    "images_overfitting",
    "images_capacity",
    "images_landscape",
    "images_courses",
)  # the story first, then the others (the ground it stands on) by name


GROUP = "cgrosim.claims"
"""Entry points by which a package adds claims."""


@lru_cache(maxsize=1)
def all_claims() -> dict[str, Claim]:
    """Every claim by name: the catalogue in reading order, then those of installed packages.

    Raises
    ------
    UserError
        If an entry point cannot be loaded, gives no claims, or one whose name is taken.
    """
    from cgrosim.claims import catalogue as claims

    def place(name: str) -> tuple[int, str]:
        return (READING_ORDER.index(name) if name in READING_ORDER else len(READING_ORDER), name)

    found: dict[str, Claim] = {}
    for name in sorted((module.name for module in pkgutil.iter_modules(claims.__path__)), key=place):
        for claim in importlib.import_module(f"{claims.__name__}.{name}").CLAIMS:
            assert claim.name not in found, f"two claims are called {claim.name}"
            found[claim.name] = claim
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        where = f"the entry point {point.name!r} of {GROUP} ({point.value})"
        try:
            listed = claims_in(point.load(), where)
        except (ImportError, AttributeError) as error:
            raise UserError(f"{where} cannot be loaded ({error}); mend or remove the package.") from error
        _add(found, listed, where)
    return found


def _add(found: dict[str, Claim], claims: Sequence[Claim], where: str) -> None:
    for claim in claims:
        if found.setdefault(claim.name, claim) is not claim:
            raise UserError(f"{where} has a claim called {quoted(claim.name)}, as there is already; rename it.")


def select(names: Sequence[str | Claim] = (), files: Sequence[str | Path] = ()) -> list[Claim]:
    """The named or given claims; without names those of the files, or all where there are no files either.

    Raises
    ------
    UserError
        If a name is unknown, taken twice, or a file gives no claims.
    """
    known, own = dict(all_claims()), list[Claim]()
    for file in files:
        listed = claims_of_file(file)
        _add(known, listed, shown(file))
        own += listed
    for claim in names:
        if isinstance(claim, Claim):
            _add(known, [claim], "what is given")
        elif claim not in known:
            raise UserError(f"claim {quoted(claim)} does not exist; {suggested(claim, known, 'the claims are')}")
    if not names:
        return own or list(known.values())
    return [known[name] for name in dict.fromkeys(_names(names))]


def _names(claims: Sequence[str | Claim]) -> list[str]:
    return [claim if isinstance(claim, str) else claim.name for claim in claims]
