"""Which of the two engines suits a network."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

from cgrosim.errors import ParameterError
from cgrosim.images.network.layers import Architecture, Convolution, FixedReadout, FullyConnected
from cgrosim.images.network.plan import Stage, blocks_of, fuse

Layout = Literal["auto", "channels", "samples"]


def choose_layout(architecture: Architecture) -> Layout:
    """Return the layout that needs fewer vector instructions for an input gradient.

    Channels side by side waste the part of a block of 16 that is no channel; samples side by side waste nothing, but
    cannot leave out the zeros behind a pooling, and a batch of 50 fills 50 of 64 places.
    """
    stages = list(fuse(architecture))
    if not all(isinstance(stage.layer, _BY_SAMPLES) for stage in stages):
        check_layout(architecture, "channels")
        return "channels"
    if _padded_behind_dense(stages) is not None:
        return "samples"
    by_channels = sum(_instructions(stage, first=number == 0) for number, stage in enumerate(stages))
    by_samples = sum(2 * _products(stage) * math.prod(stage.out[2:]) / 16 for stage in stages) * 64 / 50
    return "samples" if by_samples < by_channels else "channels"


def check_layout(architecture: Architecture, layout: Layout) -> None:
    """Refuse a layout that cannot hold the network.

    Raises
    ------
    ParameterError
        If the layout is unknown, or has no kernels for one of the layers.
    """
    if layout not in ("auto", "channels", "samples"):
        raise ParameterError(f"layout is {layout!r}, but must be auto, channels or samples.")
    stages = list(fuse(architecture))
    for stage in stages if layout == "samples" else ():
        if not isinstance(stage.layer, _BY_SAMPLES):
            raise ParameterError(f"layout samples has no kernel for {stage.layer} standing alone; use layout channels.")
    padded = _padded_behind_dense(stages) if layout == "channels" else None
    if padded is not None:
        raise ParameterError(
            f"layout channels has no kernel for {padded.layer} behind a dense layer, whose output has no room for "
            "padding; set the padding to 0."
        )


_BY_SAMPLES = (Convolution, FullyConnected, FixedReadout)


def _padded_behind_dense(stages: list[Stage]) -> Stage | None:
    """The first padded convolution right behind a dense layer."""
    for before, stage in pairwise(stages):
        if before.dense and isinstance(stage.layer, Convolution) and stage.layer.padding:
            return stage
    return None


def _positions(stage: Stage) -> int:
    if not isinstance(stage.layer, Convolution):
        return 1
    height, width, _ = stage.shape
    grown = 2 * stage.layer.padding - stage.layer.size + 1
    return (height + grown) * (width + grown)


def _products(stage: Stage) -> int:
    """Multiplications for one output channel of one sample."""
    if isinstance(stage.layer, Convolution):
        return _positions(stage) * stage.layer.size**2 * stage.shape[2]
    return math.prod(stage.shape)


def _instructions(stage: Stage, first: bool) -> float:
    """Vector instructions there and back, for one sample."""
    whole = _products(stage) * blocks_of(stage.out[2])
    if not isinstance(stage.layer, Convolution):
        return 2.0 * whole
    filled = whole if first else whole * blocks_of(stage.shape[2]) * 16 / stage.shape[2]
    return filled + (0.25 if stage.pooled else 1.0) * filled
