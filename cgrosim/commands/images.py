"""``cgrosim images``: the experiments on real images, one subcommand each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from cgrosim.commands.images_capacity import Capacity
from cgrosim.commands.images_landscape import Landscape
from cgrosim.commands.images_stages import Stages
from cgrosim.commands.images_train import Train


@dataclass(frozen=True)
class Images:
    """Train small convolutional networks on real images, with and without attacks, and draw what they learn."""

    experiment: (
        Annotated[Train, tyro.conf.subcommand("train")]
        | Annotated[Capacity, tyro.conf.subcommand("capacity")]
        | Annotated[Landscape, tyro.conf.subcommand("landscape")]
        | Annotated[Stages, tyro.conf.subcommand("stages")]
    )

    def run(self) -> int:
        """Run the chosen experiment."""
        return self.experiment.run()
