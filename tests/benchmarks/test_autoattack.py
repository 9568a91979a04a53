"""The attack `standard` against AutoAttack in PyTorch on the same weights and images: how much is left robust?

    CGROSIM_DATA=... pytest tests/benchmarks/test_autoattack.py -m benchmark -s -n 0

AutoAttack is the package `autoattack` if it is installed, else that of `torchattacks`. Ours may leave no more than half
a point more than theirs, nor find half a point less; the parts that both have are compared in print. An hour.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cgrosim.images import Standard, default_settings, evaluate, load_dataset, new_network, train
from cgrosim.images.training.settings import Settings

from .torch_images import make_module

pytestmark = pytest.mark.benchmark
HALF_A_POINT = 0.005
SMALL = {"subset": 2000, "validation": 0, "evaluation_samples": 100}
NETWORKS: dict[str, tuple[Settings, int]] = {  # what is trained, and how many test images are attacked
    "digits, linf": (default_settings("digits", epochs=30, evaluation_samples=100), 360),
    "digits, l2": (default_settings("digits", norm="l2", epochs=30, evaluation_samples=100), 360),
    "MNIST, linf": (default_settings("mnist", width=4, radius=0.1, epochs=12, **SMALL), 300),
    "MNIST, l2": (default_settings("mnist", width=4, norm="l2", epochs=12, **SMALL), 300),
    "CIFAR-10, linf": (default_settings("cifar-10", width=8, epochs=15, learning_rate=0.01, **SMALL), 400),
    "CIFAR-10, l2": (default_settings("cifar-10", width=8, norm="l2", epochs=15, learning_rate=0.01, **SMALL), 400),
}
MEMBERS = ("apgd-ce", "apgd-t", "fab-t", "square")


def theirs(module: Any, images: NDArray[np.float32], labels: NDArray[np.int64], attack: Standard) -> dict[str, float]:
    """Share of the images that is right on the clean one and after AutoAttack, and after every member of it."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is only a comparison")
    norm = {"linf": "Linf", "l2": "L2"}[attack.norm]
    x, y = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels)

    def right(shown: Any) -> Any:
        with torch.no_grad():
            return (module(shown).argmax(dim=1) == y).numpy()

    clean, found = right(x), {"clean": float(right(x).mean())}
    try:
        from autoattack import AutoAttack
    except ImportError:
        library = pytest.importorskip("torchattacks", reason="neither autoattack nor torchattacks is installed")
        made = library.AutoAttack(module, norm=norm, eps=attack.radius, version="standard", n_classes=10, seed=0)
        return found | {"standard": float((clean & right(made(x, y))).mean())}
    judge = AutoAttack(module, norm=norm, eps=attack.radius, version="standard", device="cpu", verbose=False, seed=0)
    left, shown = clean, x
    for member in MEMBERS:  # as the whole does it: every member attacks what is left
        judge.attacks_to_run = [member]
        at = np.flatnonzero(left)
        shown = judge.run_standard_evaluation(x[at], y[at], bs=500)
        with torch.no_grad():
            kept = (module(shown).argmax(dim=1) == y[at]).numpy()
        left = left.copy()
        left[at] = kept
        found[member] = float(left.mean())
    return found | {"standard": float(left.mean())}


@pytest.mark.parametrize("name", NETWORKS)
def test_robust_accuracy_is_that_of_autoattack(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is only a comparison")
    torch.set_num_threads(1)
    settings, count = NETWORKS[name]
    data = load_dataset(settings.dataset)
    trained = train(settings, data)
    network = new_network(settings.architecture, trained.last)
    images, labels = data.test_images[:count], data.test_labels[:count]
    attack = Standard(settings.evaluation_attack.norm, settings.evaluation_attack.radius)
    began = time.process_time()
    ours = evaluate(network, images, labels, attack=attack, generator=np.random.default_rng(0), black_box_samples=0)
    spent = time.process_time() - began
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = make_module(torch, settings.architecture, trained.last).eval()
        their = theirs(module, images, labels, attack)
    print(f"\n{name}, {len(images)} images, {settings.architecture.name}: {ours.describe()}")
    for member, accuracy in ours.members:
        print(f"  {100 * accuracy:.2f} % after {member}")
    print("  AutoAttack: " + ", ".join(f"{100 * value:.2f} % {key}" for key, value in their.items()))
    print(f"  processor time: ours {spent:.0f} s, theirs {time.process_time() - began:.0f} s")
    assert 0.1 < ours.robust_accuracy < ours.clean_accuracy
    assert abs(ours.clean_accuracy - their["clean"]) < 1 / len(images)
    assert abs(ours.robust_accuracy - their["standard"]) <= HALF_A_POINT
