"""Everything a training on images may be told, against PyTorch's own pieces: autograd, its schedules, its averages.

    pytest tests/benchmarks/test_training_against_torch.py -m benchmark -n 0

Nothing is timed. The training in PyTorch takes start, order and draws from ours and computes the rest itself, in
float64: moves, attack, loss, gradient, momentum, rate and average.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_trainings import NETWORK, small_dataset, small_settings

from cgrosim.images.attacks.gradient import Attack, random_start
from cgrosim.images.training.augmentation import draw_moves
from cgrosim.images.training.samples import training_data
from cgrosim.images.training.settings import Settings
from cgrosim.images.training.train import train
from cgrosim.model.streams import TrainingStream, stream

from .torch_images import make_module

pytestmark = pytest.mark.benchmark
torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is only a comparison")
DATA, EPOCHS = small_dataset(), 3
CHOICES: dict[str, dict[str, Any]] = {
    "PGD": {},
    "mixed, smoothed": {"adversarial_weight": 0.6, "label_smoothing": 0.1, "weight_decay": 0.01},
    "TRADES": {"trades_beta": 3.0},
    "TRADES, mixed": {"trades_beta": 6.0, "adversarial_weight": 0.5, "label_smoothing": 0.2},
    "moved and mirrored": {"random_shift": 1, "random_flip": True},
    "warm-up": {"radius_warmup": 0.8},
    "cosine": {"schedule": "cosine"},
    "cyclic": {"schedule": "cyclic"},
    "SWA": {"averaging": "swa:0.3"},
    "EMA": {"averaging": "ema:0.8"},
    "all": {"trades_beta": 3.0, "random_shift": 1, "random_flip": True, "radius_warmup": 0.8, "schedule": "cosine",
            "averaging": "ema:0.8", "weight_decay": 0.01},
}  # fmt: skip
# Attacks go along g/|g|, which moves with its gradient; a sign would jump. 12 steps of float32 against float64: the
# largest difference of a weight was 5e-7 when this was written; what is 1 % wrong in a number above moves one by 5e-4
# and more (tested below).
TOLERANCE = 5e-6


def settings_of(choice: str) -> Settings:
    return small_settings(attack=Attack.pgd("l2", 0.4, 3), epochs=EPOCHS, snapshots=(0,), **CHOICES[choice])


def divergence(clean: Any, attacked: Any) -> Any:
    """KL(p || q), through both, as in the authors' loss."""
    found = torch.nn.functional.kl_div(torch.log_softmax(attacked, 1), torch.softmax(clean, 1), reduction="none")
    return found.sum(dim=1)


def attacked(module: Any, clean: Any, labels: Any, start: Any, settings: Settings, share: float) -> Any:
    """PGD in l_2 by autograd."""
    seen, reference = start.clone(), module(clean).detach()
    radius, step = share * settings.attack.radius, share * settings.attack.step_size
    for _ in range(settings.attack.steps):
        seen.requires_grad_(True)
        out = module(seen)
        rising = divergence(reference, out) if settings.trades_beta else torch.nn.functional.cross_entropy(
            out, labels, reduction="none")  # fmt: skip
        (slope,) = torch.autograd.grad(rising.sum(), seen)
        with torch.no_grad():
            seen = seen + step * torch.nn.functional.normalize(slope.flatten(1), dim=1, eps=1e-30).view_as(slope)
            seen = (clean + (seen - clean).renorm(2, 0, radius)).clamp(0, 1)
    return seen.detach()


def loss_of(module: Any, clean: Any, seen: Any, labels: Any, settings: Settings) -> Any:
    plain = torch.nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
    weight = settings.adversarial_weight
    if settings.trades_beta:
        natural = module(clean)
        return plain(natural, labels) + weight * settings.trades_beta * divergence(natural, module(seen)).mean()
    return (1 - weight) * plain(module(clean), labels) + weight * plain(module(seen), labels)


def moved(images: Any, settings: Settings, moves: Any, batch: Any) -> Any:
    """Images cut out of their padded copies, and mirrored."""
    by, out = settings.random_shift, []
    for image, k in zip(images, batch, strict=True):
        wide = torch.nn.functional.pad(image, (by, by, by, by))
        down, right, size = by - int(moves.down[k]), by - int(moves.right[k]), image.shape[1]
        cut = wide[:, down : down + size, right : right + size]
        out.append(torch.flip(cut, (2,)) if moves.mirrored[k] else cut)
    return torch.stack(out)


def schedule_of(optimiser: Any, settings: Settings, steps: int) -> Any:
    name = settings.schedule.name
    if name == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    if name == "cyclic":
        up = 2 * steps // 5
        assert up * 5 == 2 * steps, "the peak is at a step"
        return torch.optim.lr_scheduler.CyclicLR(
            optimiser, 0.0, settings.learning_rate, up, steps - up, cycle_momentum=False
        )
    return torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0)


def average_of(module: Any, settings: Settings) -> Any:
    """Nothing but the mean of epochs is PyTorch's default; the other is its rule with weights of sum 1."""
    if settings.averaging.name == "swa":
        return torch.optim.swa_utils.AveragedModel(module)
    factor = settings.averaging.value

    def rule(mean: Any, new: Any, count: Any) -> Any:
        return mean + (new - mean) * (1 - factor) / (1 - factor ** (int(count) + 1))

    return torch.optim.swa_utils.AveragedModel(module, avg_fn=rule)


def theirs(settings: Settings, start: dict[str, Any]) -> tuple[Any, Any]:
    """The module that PyTorch trains, and its average."""
    data = training_data(settings, DATA).train
    module = make_module(torch, NETWORK, start).double()
    optimiser = torch.optim.SGD(
        module.parameters(), settings.learning_rate, settings.momentum, weight_decay=settings.weight_decay
    )
    size, count = settings.batch_size, -(-len(data) // settings.batch_size)
    schedule, average = schedule_of(optimiser, settings, count * settings.epochs), average_of(module, settings)
    images = torch.from_numpy(data.images.astype(np.float64)).permute(0, 3, 1, 2)
    done = 0
    for epoch in range(1, settings.epochs + 1):
        generator = stream(settings.seed, TrainingStream.EPOCH, epoch)
        order, moves = generator.permutation(len(data)), draw_moves(settings, epoch, len(data))
        for first in range(0, len(data), size):
            batch = order[first : first + size]
            clean = images[batch] if moves is None else moved(images[batch], settings, moves, batch)
            labels = torch.from_numpy(data.labels[batch])
            done += 1
            warm = settings.radius_warmup * count * settings.epochs
            share = min(1.0, done / warm) if warm else 1.0
            attack = settings.attack.replace(radius=share * settings.attack.radius)
            (child,) = generator.spawn(1)
            begin = random_start(clean.permute(0, 2, 3, 1).numpy(), attack, child).astype(np.float64)
            seen = attacked(module, clean, labels, torch.from_numpy(begin).permute(0, 3, 1, 2), settings, share)
            optimiser.zero_grad()
            loss_of(module, clean, seen, labels, settings).backward()
            optimiser.step()
            schedule.step()
            if settings.averaging.name == "ema":
                average.update_parameters(module)
        if settings.averaging.name == "swa" and epoch / settings.epochs > settings.averaging.value:
            average.update_parameters(module)
    return module, average.module


def distance(module: Any, parameters: dict[str, Any]) -> float:
    """Largest difference of a weight."""
    wanted = make_module(torch, NETWORK, {name: value.astype(np.float64) for name, value in parameters.items()})
    pairs = zip(module.parameters(), wanted.double().parameters(), strict=True)
    return max(float((one - other).abs().max().detach()) for one, other in pairs)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_training_is_that_of_pytorch(choice: str) -> None:
    settings = settings_of(choice)
    if settings.schedule.name == "cyclic":
        settings = settings.replace(batch_size=6)  # 15 steps
    ours = train(settings, DATA)
    module, average = theirs(settings, ours.snapshots[0])
    print(f"\n{choice}: {distance(module, ours.last):.1e}")
    assert distance(module, ours.last) <= TOLERANCE
    assert distance(module, ours.snapshots[0]) > 0.05, "nothing was learnt"
    if ours.averaged is not None:
        print(f"{choice}, averaged: {distance(average, ours.averaged):.1e}")
        assert distance(average, ours.averaged) <= TOLERANCE
        assert distance(average, ours.last) > 0.005


@pytest.mark.parametrize(
    ("choice", "name", "value"),
    [
        ("TRADES", "trades_beta", 3.03),
        ("mixed, smoothed", "label_smoothing", 0.101),
        ("warm-up", "radius_warmup", 0.81),
    ],
)
def test_one_per_cent_would_be_seen(choice: str, name: str, value: float) -> None:
    settings = settings_of(choice)
    ours = train(settings, DATA)
    module, _ = theirs(settings.replace(**{name: value}), ours.snapshots[0])
    print(f"\n{name} {value}: {distance(module, ours.last):.1e}")
    assert distance(module, ours.last) > 50 * TOLERANCE
