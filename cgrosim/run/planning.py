"""Which sampling, which engine and how many steps: chosen by cost, with the reason in words."""

from __future__ import annotations

from dataclasses import dataclass

from cgrosim.engines.cost import step_seconds
from cgrosim.errors import ParameterError
from cgrosim.files.memory import memory_bytes
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.params import Params

EXPLICIT_BYTES = 256 * 2**20  # explicit vectors above this size are replaced by the closed system, where that is exact
PATIENCE_SECONDS = 120.0  # a discrete run that would take longer goes through the gradient flow instead


@dataclass(frozen=True)
class Plan:
    """The sampling and engine in use and why; `steps` stays None until the horizon has been found."""

    sampling: str
    engine: str
    reason: str


def plan(params: Params, steps: int | None, *, given: str | None = None) -> Plan:
    """Choose sampling and engine for a run of `steps` gradient steps (None: not known yet).

    A start that is given has its sampling already: `given`.

    Raises
    ------
    ParameterError
        If the experiment does not fit into memory, naming what it needs and what to take instead.
    """
    sampling, why_sampling = (given, f"sampling {given} as in the start given") if given else _sampling(params)
    engine, why_engine = _engine(params, sampling, steps)
    _check_memory(params, sampling, engine)
    return Plan(sampling, engine, f"{why_sampling}; {why_engine}")


def _vector_bytes(params: Params) -> int:
    return 8 * params.dimension * (params.samples * params.patches + params.neurons)


def _sampling(params: Params) -> tuple[str, str]:
    if params.sampling != "auto":
        return params.sampling, f"sampling {params.sampling} as asked"
    size = _vector_bytes(params)
    if not params.signal_only:
        return "explicit", f"sampling explicit, because threat {params.threat} perturbs vectors"
    asked_for_weights = params.engine != "auto" and not ENGINES[params.engine].closed
    if asked_for_weights or "weights" in params.record:
        return "explicit", "sampling explicit, because the weights themselves are asked for"
    if size <= EXPLICIT_BYTES:
        return "explicit", f"sampling explicit, because the vectors take only {size / 2**20:.3g} MiB"
    return "gram", f"sampling gram, because explicit vectors would take {_in_words(size)}"


def cheapest_discrete(params: Params, sampling: str) -> str:
    """The discrete engine with the cheaper step."""
    if sampling == "gram":
        return "reduced"
    if not params.signal_only:
        return "direct"
    return min(("reduced", "direct"), key=lambda name: step_seconds(params, name))


def _engine(params: Params, sampling: str, steps: int | None) -> tuple[str, str]:
    if params.engine != "auto":
        return params.engine, f"engine {params.engine} as asked"
    discrete = cheapest_discrete(params, sampling)
    cost = step_seconds(params, discrete)
    if not params.signal_only:
        return "direct", f"engine direct, because threat {params.threat} needs the weights"
    if steps is None:
        return (
            discrete,
            f"engine {discrete} (about {1e6 * cost:.3g} microseconds a step), because the end is not known beforehand",
        )
    if steps * cost > PATIENCE_SECONDS:
        return (
            "flow",
            f"engine flow, because {steps:.3g} steps of about {1e6 * cost:.3g} microseconds would take too long",
        )
    return discrete, f"engine {discrete}, because its step is the cheapest (about {1e6 * cost:.3g} microseconds)"


def _check_memory(params: Params, sampling: str, engine: str) -> None:
    limit = memory_bytes() // 2
    rows = params.noise_patches
    gram = 8 * 2 * rows * rows if ENGINES[engine].closed or sampling == "gram" else 0
    vectors = 3 * _vector_bytes(params) if sampling == "explicit" else 0
    if gram > limit:
        other = "take engine direct" if _vector_bytes(params) * 3 < limit else "take fewer samples"
        raise ParameterError(
            f"The Gram matrix of samples * (patches - 1) = {rows} noise patches needs {_in_words(gram)}, but this "
            f"machine lets one run use {_in_words(limit)}; {other}."
        )
    if vectors > limit:
        other = "take sampling gram" if params.signal_only and 8 * 2 * rows**2 < limit else "lower dimension or samples"
        raise ParameterError(
            f"The vectors of dimension {params.dimension} need {_in_words(vectors)}, but this machine lets one run use "
            f"{_in_words(limit)}; {other}."
        )
    table = 8 * params.neurons * max(params.neurons, rows, params.test_samples * (params.patches - 1))
    if table > limit:
        raise ParameterError(
            f"The correlations of {params.neurons} neurons need {_in_words(table)}, but this machine lets one run use "
            f"{_in_words(limit)}; take fewer neurons or samples."
        )


def _in_words(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1024 or unit == "PiB":
            return f"{size:.3g} {unit}"
        size /= 1024
    raise AssertionError
