"""``cgrosim vision``: the experiments on real images, one subcommand each."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping

# name of the subcommand -> module and class, a dataclass of options with run() -> int
SUBCOMMANDS: Mapping[str, tuple[str, str]] = {
    "train": ("cgrosim.commands.vision_train", "Train"),
    "capacity": ("cgrosim.commands.vision_capacity", "Capacity"),
    "landscape": ("cgrosim.commands.vision_landscape", "Landscape"),
    "stages": ("cgrosim.commands.vision_stages", "Stages"),
}
DESCRIPTION = "Train small convolutional networks on real images, with and without attacks, and draw what they learn."


def subcommands() -> dict[str, type]:
    """The option classes by name; importing them is light, what they run is imported when they run."""
    return {
        name: getattr(importlib.import_module(module), kind)
        for name, (module, kind) in SUBCOMMANDS.items()
        if importlib.util.find_spec(module) is not None
    }


def vision_group() -> type:
    """The subcommands as one option class, whose ``run`` runs the chosen one."""
    import dataclasses
    from typing import Annotated, Any, Union

    import tyro

    choices = [Annotated[kind, tyro.conf.subcommand(name)] for name, kind in subcommands().items()]
    chosen: Any = Union[tuple(choices)]  # noqa: UP007  # made from a list

    def run(self: Any) -> int:
        return int(self.experiment.run())

    return dataclasses.make_dataclass(
        "Vision", [("experiment", chosen)], frozen=True, namespace={"run": run, "__doc__": DESCRIPTION}
    )
