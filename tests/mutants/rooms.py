"""Which files are mutated, room by room, and which modules reach which."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

_IMAGES = "cgrosim/images"
ROOMS = {
    "theory": ("theory",),
    "kernels": ("cgrosim/kernels",),
    "image kernels": (f"{_IMAGES}/network/kernels",),
    "attack kernels": (f"{_IMAGES}/network/kernels/adaptive.py", f"{_IMAGES}/network/kernels/head.py",
                       f"{_IMAGES}/network/ascent.py", f"{_IMAGES}/network/losses.py",
                       f"{_IMAGES}/network/divergence.py",
                       f"{_IMAGES}/attacks/automatic.py"),
    "engines": ("cgrosim/engines",),
    "attacks": ("cgrosim/model/threats.py", "cgrosim/model/signal_threats.py", f"{_IMAGES}/attacks/gradient.py",
                f"{_IMAGES}/attacks/black_box.py", f"{_IMAGES}/attacks/standard.py", f"{_IMAGES}/attacks/worst.py"),
    "evaluation": (f"{_IMAGES}/attacks/evaluation.py", "cgrosim/run/observation.py", "cgrosim/run/quantities.py",
                   "cgrosim/model/reference.py"),
    "training": (f"{_IMAGES}/training",),
    "checks": ("cgrosim/claims/checks.py",),
}  # fmt: skip
"""Files or folders. The kernels of APGD, of the ratio of logits and of TRADES are a room of their own."""

_ATTACKS = tuple(
    f"images/test_{name}.py"
    for name in (
        "kernels_in_python",
        "ascent",
        "attacks",
        "black_box",
        "evaluation",
        "standard_attack",
        "trades",
        "independent_attacks",
    )
)
_TRAINING = tuple(
    f"images/test_{name}.py"
    for name in (
        "augmentation",
        "averaging",
        "defaults",
        "schedules",
        "selection",
        "settings",
        "training",
        "training_choices",
        "trades",
    )
)
_KERNELS = (
    *(f"kernels/test_kernel_{name}.py" for name in ("attacks", "steps", "promises")),
    "engines",
    *(f"run/test_{name}.py" for name in ("many_runs", "same_bits", "run", "evaluation_threat")),
)
_NETWORKS = tuple(f"images/test_{name}.py" for name in ("layers", "network", "network_bits", "reference", "winograd"))
TESTS = {
    "theory": ("theory", "properties", "derivations"),
    "kernels": _KERNELS,
    "image kernels": (*_ATTACKS, *_NETWORKS, "images/test_training.py"),
    "attack kernels": _ATTACKS,
    "engines": (*_KERNELS, "run/test_cost.py"),
    "attacks": (*_ATTACKS, "model", "kernels/test_kernel_attacks.py"),
    "evaluation": (*_ATTACKS, "model", *(f"run/test_{name}.py" for name in
                   ("observation", "named_quantities", "evaluation_threat", "many_runs"))),
    "training": _TRAINING,
    "checks": ("claims/test_checks.py", "claims/test_rank_correlation.py", "claims/test_report.py"),
}  # fmt: skip
"""Files or folders below ``tests``: those asked about the mutants of a room. Others may notice, too."""

COMPILED = ("cgrosim/kernels", f"{_IMAGES}/network/kernels")
"""Packages of compiled kernels: what an unchanged kernel compiled to must not stand in for a mutant."""


def files_of(room: str) -> list[str]:
    """The files of a room, without those that only gather names and those of a narrower room."""
    narrower = {place for other, places in ROOMS.items() if other != room for place in places if place.endswith(".py")}
    found = []
    for place in ROOMS[room]:
        paths = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        found += [str(path.relative_to(ROOT)) for path in paths if path.name != "__init__.py"]
    return [file for file in found if file not in narrower or file in ROOMS[room]]


def module_of(file: str) -> str:
    """Dotted name of a file's module, as it is imported."""
    parts = Path(file).with_suffix("").parts
    return ".".join(parts if parts[0] == "cgrosim" else ("cgrosim", *parts))


@cache
def names_in(path: Path) -> frozenset[str]:
    """Modules that a file imports, wherever in it; ``from a import b`` may mean ``a`` or ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@cache
def importers(file: str) -> frozenset[str]:
    """Files of the package that import a module themselves."""
    module = module_of(file)
    paths = (path for folder in ("cgrosim", "theory") for path in (ROOT / folder).rglob("*.py"))
    return frozenset(str(path.relative_to(ROOT)) for path in paths if module in names_in(path))


@cache
def kernels_with(file: str) -> frozenset[str]:
    """Files of compiled kernels into which a file is compiled: its own, and those that import it through any others."""
    found, waiting = set(), [file]
    while waiting:
        here = waiting.pop()
        if here not in found and here.startswith(COMPILED):
            found.add(here)
            waiting += importers(here)
    return frozenset(found)
