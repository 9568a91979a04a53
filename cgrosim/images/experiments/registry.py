"""All experiments on images: every module of the catalogue, by its name."""

from __future__ import annotations

import importlib
import pkgutil

from cgrosim.images.experiments import catalogue
from cgrosim.images.experiments.experiment import Experiment


def all_experiments() -> dict[str, type[Experiment]]:
    """The experiments by the names of their modules, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(catalogue.__path__))
    return {name: importlib.import_module(f"{catalogue.__name__}.{name}").EXPERIMENT for name in names}
