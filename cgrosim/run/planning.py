"""Which sampling, which engine and how many steps: chosen by cost, with the reason in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from cgrosim.engines.cost import Cost, in_time, run_cost, step_seconds
from cgrosim.errors import ParameterError
from cgrosim.files.memory import memory_bytes
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.params import Params
from cgrosim.run.quantities import record_sizes, recorded

EXPLICIT_BYTES = 256 * 2**20  # explicit vectors above this size are replaced by the closed system, where that is exact
COPIES = 8  # of the inputs, that an attack on explicit samples holds at once
PATIENCE_SECONDS = 10.0  # gradient descent itself is worth so long, and as long again as the flow would take

LONGEST_HORIZON = 30 * 86400.0  # seconds of a run whose length nobody has asked for


@dataclass(frozen=True)
class Plan:
    """The sampling and engine in use and why, and what the run will cost where its end is known."""

    sampling: str
    engine: str
    reason: str
    cost: Cost | None = None


def plan(
    params: Params,
    steps: int | None,
    *,
    given: str | None = None,
    records: int | None = None,
    keep: Iterable[str] | None = None,
) -> Plan:
    """Choose sampling and engine for a run of `steps` gradient steps (None: not known yet).

    A start that is given has its sampling already: `given`. Where the caller chose the records, `records` is how many
    there are, and `keep` what is recorded.

    Raises
    ------
    ParameterError
        If the experiment does not fit into memory, naming what it needs and what to take instead.
    """
    sampling, why_sampling = (given, f"sampling {given} as in the start given") if given else _sampling(params)
    kept = [q.name for q in recorded(params, keep)]

    def cost(engine: str) -> Cost:
        count = _record_count(params, steps) if records is None else records
        return run_cost(params, sampling, engine, float(steps or 0), count, tested=_tested(params, kept))

    engine, why_engine = _engine(params, sampling, None if steps is None else cost)
    _check_memory(params, sampling, engine, predicted_bytes(params, steps, records=records, keep=kept))
    return Plan(sampling, engine, f"{why_sampling}; {why_engine}", None if steps is None else cost(engine))


def check_horizon(params: Params, steps: int, chosen: Plan) -> None:
    """Refuse a run to its horizon that no machine would end.

    Raises
    ------
    ParameterError
        With what it would take, and what to do instead.
    """
    if chosen.cost is not None and chosen.cost.total > LONGEST_HORIZON:
        flow = "" if params.batch_size is not None or params.holds_signal else ", or take engine flow"
        raise ParameterError(
            f"steps is not given, and a run to its horizon of {steps:.3g} steps would take {chosen.cost.sentence()}; "
            f"give steps{flow}."
        )


def with_cost_left(
    chosen: Plan,
    params: Params,
    steps: int,
    taken: ArrayLike,
    record_at: ArrayLike | None = None,
    keep: Iterable[str] | None = None,
) -> Plan:
    """The plan of a run of `steps` steps that has `taken` records at these steps, with the cost of the rest."""
    recorded_at = np.asarray(taken)
    done = float(recorded_at[-1]) if len(recorded_at) else 0.0
    whole = _record_count(params, steps) if record_at is None else len(np.asarray(record_at))
    # the flow takes decades, not steps
    left = steps - done if ENGINES[chosen.engine].discrete else steps / max(done, 1.0)
    rest = max(whole - len(recorded_at), 0)
    cost = run_cost(params, chosen.sampling, chosen.engine, left, rest, tested=_tested(params, keep))
    return replace(chosen, cost=cost)


def _tested(params: Params, keep: Iterable[str] | None) -> bool:
    return params.test_samples > 0 and any(q.tested for q in recorded(params, keep))


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


def _engine(params: Params, sampling: str, cost: Callable[[str], Cost] | None) -> tuple[str, str]:
    """The engine and why: the flow is an approximation, so it has to be much quicker than gradient descent itself."""
    if params.engine != "auto":
        return params.engine, f"engine {params.engine} as asked"
    if not params.signal_only:
        return "direct", f"engine direct, because threat {params.threat} needs the weights"
    discrete = cheapest_discrete(params, sampling)
    step = f"about {1e6 * step_seconds(params, discrete):.3g} microseconds"
    if cost is None:
        return discrete, f"engine {discrete} ({step} a step), because the end is not known beforehand"
    if params.batch_size is not None or params.holds_signal:
        return discrete, f"engine {discrete}, because there is no gradient flow of this training"
    if params.label_smoothing > 0.0 or params.label_noise > 0.0:
        # margins at rest pull back at a rate alpha^2 that does not fall, which an explicit integrator has to resolve
        return discrete, f"engine {discrete}, because margins that come to rest make the gradient flow stiff"
    exact = cost(discrete)
    if exact.total <= PATIENCE_SECONDS:
        return discrete, f"engine {discrete}, because its step is the cheapest ({step})"
    flow = cost("flow")
    spans = f"{in_time(exact.total)} in engine {discrete}, {in_time(flow.total)} in engine flow"
    if exact.total > 2.0 * flow.total:
        return "flow", f"engine flow, because {exact.steps:.3g} steps would take too long ({spans}, all measured)"
    return discrete, f"engine {discrete}, because the gradient flow is not much quicker ({spans}, all measured)"


def predicted_bytes(
    params: Params, steps: int | None, *, records: int | None = None, keep: Iterable[str] | None = None
) -> dict[str, int]:
    """What a run holds at once beside the vectors and the Gram matrix, by what it is for.

    The attack on explicit samples holds, each of the size of the inputs: these, the worst found, the shift, the sum,
    the gradient and its direction, and two temporary ones. Where fresh samples are not attacked explicitly, their
    normal draws, projections and activations are of one size. Records stand twice while blocks are joined.
    """
    one_input = 8 * params.patches * params.dimension
    fresh = 8 * params.test_samples * (params.patches - 1) * params.neurons
    sizes = record_sizes(params)
    each = 8 * sum(math.prod(sizes[dimension] for dimension in q.dimensions) for q in recorded(params, keep))
    searching = not params.signal_only
    return {
        "test_samples": COPIES * params.test_samples * one_input if searching else 3 * fresh,
        "samples": COPIES * params.samples * one_input if searching else 0,
        "records": 2 * each * (_record_count(params, steps) if records is None else records),
    }


def _record_count(params: Params, steps: int | None) -> int:
    """How many records a run makes; 0 where its end is not known yet."""
    if steps is None:
        return 0
    if params.record_grid == "linear":
        return min(params.records, steps) + 1
    return int(min(params.records * math.log10(max(steps, 10)), float(steps))) + 2


def _check_memory(params: Params, sampling: str, engine: str, parts: dict[str, int]) -> None:
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
    table = 8 * params.neurons * max(params.neurons, rows)
    if table > limit:
        raise ParameterError(
            f"The correlations of {params.neurons} neurons need {_in_words(table)}, but this machine lets one run use "
            f"{_in_words(limit)}; take fewer neurons or samples."
        )
    if sum(parts.values()) > limit:
        most = max(parts, key=lambda name: parts[name])
        raise ParameterError(
            f"The run would hold {_in_words(sum(parts.values()))}, most of it for {most}, but this machine lets one "
            f"run use {_in_words(limit)}; lower {most}{' or the records asked for' if most == 'records' else ''}."
        )


def _in_words(size: float) -> str:
    size = min(size, 10**300)  # a whole number may be larger than any float
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1024 or unit == "PiB":
            return f"{size:.3g} {unit}"
        size /= 1024
    raise AssertionError
