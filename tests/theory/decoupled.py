"""Brute force for the theory tests: the order-parameter equations with decoupled noise, integrated as they stand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq


class World(NamedTuple):
    """One experiment with a diagonal Gram matrix; noise and energy have shape (N, F)."""

    signal: np.ndarray
    noise: np.ndarray
    energy: np.ndarray
    power: float
    alpha: float
    gap: float
    lam: float
    eta: float
    worst_case: bool = True


def random_world(seed: int, *, samples: int = 6, neurons: int = 4, noise_patches: int = 2, **settings: Any) -> World:
    rng = np.random.default_rng(seed)
    scale = settings.pop("noise_scale", 0.02)
    energy = np.repeat(rng.uniform(0.8, 1.2, size=(samples, noise_patches)), neurons, axis=1)
    defaults = {"power": 3.0, "alpha": 5.0, "gap": 0.01, "lam": 0.5, "eta": 0.01}
    signal = 0.02 * rng.normal(size=neurons)
    signal[0] = abs(signal[0])  # with every start negative nothing is ever learnt
    return World(
        signal,
        scale * rng.normal(size=(samples, neurons * noise_patches)) * np.sqrt(energy),
        energy,
        **(defaults | settings),
    )


def weight(z: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, z))


def integrate(world: World, end: float, tolerance: float = 1e-10) -> Solution:
    """The full coupled system: every sample feels the signal and the signal feels every sample."""
    m, (samples, _) = world.signal.size, world.noise.shape
    q, alpha, gap, lam, eta = world.power, world.alpha, world.gap, world.lam, world.eta

    def phi(z: np.ndarray) -> np.ndarray:
        return np.sign(z) * np.abs(z) ** q

    def rhs(_: float, state: np.ndarray, kappa: float) -> np.ndarray:
        u, v = state[:m], state[m:].reshape(samples, -1)
        total, margins = phi(u).sum(), phi(v).sum(axis=1)
        clean = (1 - lam) * weight(alpha**q * total + margins)
        attacked = lam * weight(kappa**q * total + margins)
        du = eta * q * np.abs(u) ** (q - 1) * np.mean(alpha**q * clean + kappa**q * attacked)
        dv = eta * q / samples * (clean + attacked)[:, None] * world.energy * np.abs(v) ** (q - 1)
        return np.concatenate([du, dv.ravel()])

    def turn(_: float, state: np.ndarray, __: float) -> float:
        return float(phi(state[:m]).sum())

    turn.terminal, turn.direction = True, 1.0  # type: ignore[attr-defined]
    settings = {"method": "LSODA", "rtol": tolerance, "atol": 1e-14, "dense_output": True}
    start = np.concatenate([world.signal, world.noise.ravel()])
    parts, begin = [], 0.0
    if world.worst_case and phi(world.signal).sum() < 0:
        # The attacked coefficient jumps when U changes sign: integrate up to there and start afresh.
        first = solve_ivp(rhs, (0.0, end), start, args=((2 - gap) * alpha,), events=turn, **settings)
        parts.append(first)
        begin, start = float(first.t[-1]), first.y[:, -1]
    if begin < end:
        parts.append(solve_ivp(rhs, (begin, end), start, args=(gap * alpha,), **settings))
    return Solution(parts)


class Solution:
    """Dense output over consecutive pieces."""

    def __init__(self, parts: list[Any]) -> None:
        assert all(part.status >= 0 for part in parts)
        self.parts = parts

    def sol(self, time: float) -> np.ndarray:
        for part in self.parts[:-1]:
            if time <= part.t[-1]:
                return np.asarray(part.sol(time))
        return np.asarray(self.parts[-1].sol(time))


def margins_at(world: World, solution: Any, time: float) -> tuple[float, np.ndarray]:
    """Clean signal margin alpha^q U and every V_i at one time."""
    state = solution.sol(time)
    u, v = state[: world.signal.size], state[world.signal.size :].reshape(world.noise.shape)
    q = world.power
    return world.alpha**q * float(np.sum(np.sign(u) * np.abs(u) ** q)), np.sum(np.sign(v) * np.abs(v) ** q, axis=1)


def first_time(function: Any, end: float) -> float:
    """First crossing of zero of an increasing function, infinite if not before `end`."""
    return float(brentq(function, 0.0, end, xtol=1e-10 * end)) if function(end) > 0 else np.inf
