"""One step of training in eager PyTorch, in the layouts a PyTorch user would try; the comparison of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LOSSES = ("clean", "signal_span")


def make_steps(
    torch: Any,
    inputs: Array,
    labels: Array,
    signal_index: NDArray[np.int64],
    weights: Array,
    loss: str,
    case: dict[str, float],
) -> tuple[dict[str, Callable[[], float]], Callable[[], Array]]:
    """Return steps ``() -> loss`` for float64 inputs (N, P, d), by name of the layout, and a reader of their weights.

    The ``shared`` layouts save the second pass over the patches under signal_span: they scale the projection of the
    signal patch, as our kernels do; the others pass the attacked inputs through the network, as library code does.
    """
    samples, patches, dimension = inputs.shape
    neurons = weights.shape[0]
    x, y = torch.from_numpy(inputs), torch.from_numpy(labels)
    flat = x.reshape(samples * patches, dimension)
    transposed = flat.T.contiguous()
    rows = torch.from_numpy(np.arange(samples) * patches + signal_index)
    lam, alpha = case["adversarial_weight"], case["alpha"]
    softplus = torch.nn.functional.softplus
    attacked = x.clone()
    w = torch.from_numpy(weights.copy()).requires_grad_(True)

    def project(layout: str, points: Any, points_flat: Any, points_transposed: Any) -> Any:
        if layout == "einsum":
            return torch.einsum("npd,md->npm", points, w).reshape(samples * patches, neurons)
        if layout == "matmul":
            return (points @ w.T).reshape(samples * patches, neurons)
        if layout == "rows":
            return points_flat @ w.T
        return (w @ points_transposed).T

    def kappa(projections: Any) -> float:
        strength = (projections[rows[0]] * y[0]).pow(3).sum()
        return case["attacked_low"] if strength > 0 else case["attacked_high"]

    def outputs(projections: Any) -> Any:
        return projections.pow(3).reshape(samples, patches * neurons).sum(1)

    def step(layout: str) -> float:
        layout, _, shared = layout.partition(", ")
        projections = project(layout, x, flat, transposed)
        value = (1 - lam) * softplus(-y * outputs(projections)).mean()
        if loss == "signal_span":
            ratio = kappa(projections.detach()) / alpha
            if shared:
                scale = torch.ones(samples * patches, 1, dtype=torch.float64)
                scale[rows] = ratio
                moved = projections * scale
            else:
                attacked_flat = attacked.reshape(samples * patches, dimension)
                attacked_flat[rows] = ratio * flat[rows]
                moved = project(layout, attacked, attacked_flat, attacked_flat.T)
            value = value + lam * softplus(-y * outputs(moved)).mean()
        (gradient,) = torch.autograd.grad(value, w)
        with torch.no_grad():
            w.sub_(gradient, alpha=case["step_size"])
        return float(value.detach())

    layouts = ["einsum", "matmul", "rows", "columns"]
    if loss == "signal_span":
        layouts += ["rows, shared", "columns, shared"]
    steps = {layout: (lambda layout=layout: step(layout)) for layout in layouts}
    return steps, lambda: w.detach().numpy().copy()
