"""Verdicts as plain data: strict JSON, the same text for the same verdicts but for what stands under ``timing``."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np

from cgrosim.claims.checks import EXACT_BUDGET, STATISTICAL_BUDGET
from cgrosim.claims.claim import Context, Evidence, Verdict, VerdictName
from cgrosim.claims.fingerprint import fingerprint
from cgrosim.claims.homes import file_of
from cgrosim.files.digest import content_digest
from cgrosim.files.versions import versions

FORMAT = "cgrosim verdicts 3"
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)


def report_text(verdicts: Sequence[Verdict], seconds: float | None = None) -> str:
    """The content of ``verdicts.json``; claims and keys are sorted."""
    return json.dumps(report_data(verdicts, seconds), indent=1, sort_keys=True, allow_nan=False) + "\n"


def report_data(verdicts: Sequence[Verdict], seconds: float | None = None) -> dict[str, Any]:
    """Everything the report says, as JSON values.

    A value that is not a number is null and an infinite one the string "infinity" or "-infinity", because JSON has
    neither. ``timing`` (here and in every verdict) holds all that may differ between two runs with the same seed; the
    ``checksum`` is that of everything else, so that equal verdicts have equal ones.
    """
    header = {
        "format": FORMAT,
        "effort": verdicts[0].effort if verdicts else None,
        "seed": verdicts[0].seed if verdicts else None,
        "versions": versions(),
        "counts": count_verdicts(verdicts),
        "false_alarms": false_alarms(verdicts),
        "verdicts": [verdict_data(v) for v in sorted(verdicts, key=lambda v: v.claim.name)],
        "timing": {"seconds": seconds, "written": datetime.now(UTC).isoformat(timespec="seconds")},
    }
    plain: dict[str, Any] = strict(header)
    return {**plain, "checksum": content_digest(lasting(plain), {})}


def lasting(value: Any) -> Any:
    """What stays the same when the same verdicts are found again."""
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if key != "timing"}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def count_verdicts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many claims got each verdict, zeros included."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    return {name: counts[name] for name in VERDICTS}


def false_alarms(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The probability that at least one true claim is called violated: what the checks use up of what is allowed.

    The rates of the statistical checks add up (union bound). Checks without a rate compare with a worst-case
    round-off bound or are deterministic; the allowance for their bounds being wrong is stated, not measured.
    """
    rates = [check.error_rate for verdict in verdicts for check in verdict.evidence.checks]
    return {
        "statistical": {"used": math.fsum(rates), "allowed": STATISTICAL_BUDGET, "checks": sum(r > 0 for r in rates)},
        "exact": {"allowed": EXACT_BUDGET, "checks": sum(r == 0 for r in rates)},
    }


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """One verdict."""
    claim = verdict.claim
    return {
        "name": claim.name,
        "title": claim.title,
        "statement": claim.statement,
        "source": claim.source,
        "kind": claim.kind,
        "proved_for": claim.proved_for,
        "verdict": verdict.verdict,
        "note": verdict.note,
        "effort": verdict.effort,
        "seed": verdict.seed,
        "repeat": repeat_command(verdict),
        **_evidence_data(verdict.evidence),
        "worlds": [
            {"description": trial.world.name, "outcome": trial.outcome, **_evidence_data(trial.evidence)}
            for trial in verdict.trials
        ],
        "unkilled": [check.name for check in verdict.unkilled],
        "fingerprint": verdict.fingerprint or fingerprint(claim, Context(verdict.effort, verdict.seed)),
        "timing": {
            "seconds": verdict.seconds,
            "processor_seconds": verdict.processor_seconds,
            "carried": verdict.carried,
        },
    }


def repeat_command(verdict: Verdict) -> str:
    """The command that evaluates this claim again with the same numbers, or, where nothing was measured, does so."""
    file = file_of(verdict.claim)
    words = ["cgrosim", "verify", verdict.claim.name, "--seed", str(verdict.seed)]
    full = verdict.effort == "full" or verdict.verdict == "not measured"
    return shlex.join([*words, *(["--full"] if full else []), *(["--claims", _from_here(file)] if file else [])])


def _from_here(file: Path) -> str:
    """A path as it is given below the working folder, else in full."""
    place, here = file.absolute(), Path.cwd()
    return str(place.relative_to(here) if place.is_relative_to(here) else place)


def _evidence_data(evidence: Evidence) -> dict[str, Any]:
    return {
        "checks": [dataclasses.asdict(check) for check in evidence.checks],
        "hypotheses": [dataclasses.asdict(slack) for slack in evidence.hypotheses],
        "params": None if evidence.params is None else evidence.params.model_dump(mode="json"),
        "seeds": list(evidence.seeds),
        "tested_range": evidence.tested_range,
        "finding": evidence.finding,
        "panels": [dataclasses.asdict(panel) for panel in evidence.panels],
    }


def strict(value: Any) -> Any:
    """A copy made of JSON values alone: arrays as lists, nan as null, infinities as strings."""
    if isinstance(value, dict):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return strict(value.tolist())
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    return value
