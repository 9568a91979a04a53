"""Adversarial training of the image networks in eager PyTorch, in the variants a PyTorch user would try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool, ReLU

Floats = NDArray[np.float32]


def make_module(torch: Any, architecture: Architecture, parameters: dict[str, Floats]) -> Any:
    """The same network with the same weights; dense weights reordered from (row, column, channel)."""
    layers: list[Any] = []
    for index, (layer, shape) in enumerate(zip(architecture.layers, architecture.shapes, strict=False)):
        if isinstance(layer, Convolution):
            made = torch.nn.Conv2d(shape[2], layer.filters, layer.size, padding=layer.padding)
            weight = parameters[f"layer{index}.weight"].transpose(3, 2, 0, 1)
        elif isinstance(layer, FullyConnected):
            if shape[:2] != (1, 1):
                layers.append(torch.nn.Flatten())
            made = torch.nn.Linear(int(np.prod(shape)), layer.units)
            whole = parameters[f"layer{index}.weight"].reshape(*shape, layer.units)
            weight = whole.transpose(3, 2, 0, 1).reshape(layer.units, -1)
        else:
            assert isinstance(layer, ReLU | MaxPool)
            layers.append(torch.nn.ReLU() if isinstance(layer, ReLU) else torch.nn.MaxPool2d(2))
            continue
        with torch.no_grad():
            made.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            made.bias.copy_(torch.from_numpy(parameters[f"layer{index}.bias"]))
        layers.append(made)
    return torch.nn.Sequential(*layers)


def make_iterations(
    torch: Any,
    architecture: Architecture,
    parameters: dict[str, Floats],
    images: Floats,
    labels: NDArray[np.int64],
    start: Floats,
    attack: dict[str, float],
) -> dict[str, Callable[[], Any]]:
    """PGD with fresh weights frozen or not, in both memory layouts, then one step of SGD with momentum."""
    found: dict[str, Callable[[], Any]] = {}
    for frozen in (False, True):
        for last in (False, True):
            module = make_module(torch, architecture, parameters)
            layout = torch.channels_last if last else torch.contiguous_format
            module = module.to(memory_format=layout)
            tensors = [
                torch.from_numpy(a).permute(0, 3, 1, 2).contiguous(memory_format=layout) for a in (images, start)
            ]
            name = f"{'frozen' if frozen else 'plain'}, {'channels last' if last else 'channels first'}"
            found[name] = _iteration(torch, module, *tensors, torch.from_numpy(labels), attack, frozen)
    return found


def _iteration(
    torch: Any, module: Any, clean: Any, start: Any, labels: Any, attack: dict[str, float], frozen: bool
) -> Callable[[], Any]:
    loss = torch.nn.functional.cross_entropy
    optimiser = torch.optim.SGD(module.parameters(), lr=attack["rate"], momentum=0.9)

    def iteration() -> Any:
        module.requires_grad_(not frozen)
        seen = start.clone()
        for _ in range(int(attack["steps"])):
            seen.requires_grad_(True)
            (slope,) = torch.autograd.grad(loss(module(seen), labels), seen)
            with torch.no_grad():
                seen = seen.detach().add(slope.sign(), alpha=attack["step_size"])
                radius = attack["radius"]
                seen = torch.minimum(torch.maximum(seen, clean - radius), clean + radius).clamp_(0, 1)
        module.requires_grad_(True)
        optimiser.zero_grad(set_to_none=True)
        loss(module(seen), labels).backward()
        optimiser.step()
        return module

    return iteration
