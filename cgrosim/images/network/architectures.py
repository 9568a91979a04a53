"""The architectures of the experiments."""

from __future__ import annotations

from typing import Literal

from cgrosim.arguments import checked
from cgrosim.images.network.layers import (
    Architecture,
    Convolution,
    FixedReadout,
    FullyConnected,
    Layer,
    MaxPool,
    Power,
    ReLU,
    Shape,
    SumPositions,
)


@checked
def lenet(width: int, input_shape: Shape = (28, 28, 1), classes: int = 10) -> Architecture:
    """LeNet after Madry et al. (2018, arXiv 1706.06083): two 5x5 convolutions with pooling, two dense layers.

    Parameters
    ----------
    width : capacity factor: x1 has 2 and 4 filters and 64 units, x16 has 32 and 64 filters and 1024 units
    """
    layers: tuple[Layer, ...] = (
        Convolution(2 * width, 5, padding=2),
        ReLU(),
        MaxPool(),
        Convolution(4 * width, 5, padding=2),
        ReLU(),
        MaxPool(),
        FullyConnected(64 * width),
        ReLU(),
        FullyConnected(classes),
    )
    return Architecture(f"lenet-x{width}", input_shape, layers)


@checked
def stack3x3(width: int = 32, input_shape: Shape = (32, 32, 3), classes: int = 10) -> Architecture:
    """Four 3x3 convolutions (two of `width`, two of 2 `width` filters), pooled after every second; a dense layer."""
    layers: list[Layer] = []
    for filters in (width, 2 * width):
        layers += [Convolution(filters, 3, padding=1), ReLU(), Convolution(filters, 3, padding=1), ReLU(), MaxPool()]
    return Architecture(f"stack3x3-{width}", input_shape, (*layers, FullyConnected(classes)))


@checked
def patch_network(
    input_shape: Shape,
    patch: int,
    filters: int,
    *,
    classes: int = 10,
    exponent: int = 3,
    initial_scale: float = 0.01,
    readout: Literal["class_sums", "signed_sum"] = "class_sums",
) -> Architecture:
    """The theory's two-layer network on image patches: filters, odd power, sum over patches, fixed second layer.

    Parameters
    ----------
    filters : number of all filters; with ``class_sums`` each class has its share of them
    """
    layers = (
        Convolution(filters, 1, bias=False, initial_scale=initial_scale),
        Power(exponent),
        SumPositions(),
        FixedReadout(classes, readout),
    )
    return Architecture(f"patch-{patch}x{patch}-{filters}", input_shape, layers, patch)
