"""Where a claim is found again by another process or another command: by name, in a module, or in a file of claims."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from cgrosim.claims.claim import Claim
from cgrosim.claims.own_files import PREFIX, module_of, module_of_file
from cgrosim.claims.registry import all_claims


@dataclass(frozen=True)
class Home:
    """Where a claim is to be found.

    Attributes
    ----------
    name : of the claim
    module : to be imported; empty where `cgrosim.claims.registry` knows the name
    file : to be loaded where it is no importable module; empty otherwise
    """

    name: str
    module: str = ""
    file: str = ""

    def find(self) -> Claim:
        """The claim itself."""
        if not self.module and not self.file:
            return all_claims()[self.name]
        module = module_of_file(Path(self.file)) if self.file else importlib.import_module(self.module)
        return next(claim for claim in _held_by(module) if claim.name == self.name)


def home_of(claim: Claim) -> Home | None:
    """Where another process finds a claim: None where it cannot, because no module holds it."""
    if all_claims().get(claim.name) is claim:
        return Home(claim.name)
    module = sys.modules.get(module_of(claim))
    if module is None or not any(held is claim for held in _held_by(module)):
        return None
    file = getattr(module, "__file__", None)
    if module.__name__ == "__main__" or module.__name__.startswith(PREFIX):
        return None if file is None else Home(claim.name, file=os.path.abspath(file))
    return Home(claim.name, module.__name__) if importlib.util.find_spec(module.__name__) else None


def file_of(claim: Claim) -> Path | None:
    """The file that ``--claims`` needs to find a claim; None where it is known by name, or no file lists it."""
    module = sys.modules.get(module_of(claim))
    file = getattr(module, "__file__", None)
    if all_claims().get(claim.name) is claim or file is None:
        return None
    return Path(file) if any(listed is claim for listed in getattr(module, "CLAIMS", ())) else None


def _held_by(module: ModuleType) -> list[Claim]:
    """The claims of a module: those it lists, and those it names."""
    own = [value for value in vars(module).values() if isinstance(value, Claim)]
    return [*getattr(module, "CLAIMS", ()), *own]
