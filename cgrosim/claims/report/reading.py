"""An earlier report read again: its verdicts, for the claims they still speak of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Evidence, Panel, Series, Slack, Trial, Verdict, decided
from cgrosim.claims.fingerprint import fingerprint
from cgrosim.claims.report.data import FORMAT, lasting
from cgrosim.files.digest import content_digest
from cgrosim.files.kinds import Kind
from cgrosim.model.params import Params
from cgrosim.studies.context import Context

OLDER = ("cgrosim verdicts 2",)  # without fingerprints: nothing of it is carried over
REPORT = Kind(FORMAT, "report of cgrosim verify", "the folder of one", "verify without --since", OLDER)
Made = TypeVar("Made")


def still_valid(folder: Path, claims: list[Claim], context: Context) -> dict[str, Verdict]:
    """The verdicts of an earlier report that a new verification would find again, by the name of the claim.

    Nothing that such a verdict depends on has changed since: see `fingerprint`.

    Raises
    ------
    FileError
        If the folder holds no whole report.
    """
    path = folder / "verdicts.json"
    found = {}
    text = REPORT.read_bytes(path)
    with REPORT.judging(path):
        data = json.loads(text.decode("utf-8"))
    if not isinstance(data, dict) or data.get("format") not in REPORT.formats:
        raise REPORT.foreign(path)
    checksum = data.pop("checksum", None)
    if checksum != content_digest(lasting(data), {}):
        raise REPORT.damaged(path, "its checksum does not fit its content: it was changed")
    with REPORT.judging(path):
        earlier = {each["name"]: each for each in data["verdicts"]}
        for claim in claims:
            each = earlier.get(claim.name)
            if each is not None and each.get("fingerprint") and each["fingerprint"] == fingerprint(claim, context):
                found[claim.name] = _verdict(each, claim)
    return found


def _verdict(data: Mapping[str, Any], claim: Claim) -> Verdict:
    worlds = {world.name: world for world in claim.worlds}
    found = Verdict(
        claim=claim,
        verdict=data["verdict"],
        evidence=_evidence(data),
        trials=tuple(Trial(worlds[each["description"]], _evidence(each), each["outcome"]) for each in data["worlds"]),
        note=data["note"],
        effort=data["effort"],
        seed=data["seed"],
        seconds=data["timing"]["seconds"],
        processor_seconds=data["timing"]["processor_seconds"],
        carried=True,
    )
    if any(len(trial.evidence.checks) != len(found.evidence.checks) for trial in found.trials):
        raise ValueError(f"{claim.name} has other checks in a wrong world")
    if decided(found)[0] != found.verdict:
        raise ValueError(f"{claim.name} is called {found.verdict!r:.40}, which is not what its checks say")
    return found


def _evidence(data: Mapping[str, Any]) -> Evidence:
    return Evidence(
        checks=tuple(_made(Check, each) for each in data["checks"]),
        hypotheses=tuple(_made(Slack, each) for each in data["hypotheses"]),
        params=None if data["params"] is None else Params(**data["params"]),
        seeds=tuple(data["seeds"]),
        tested_range=data["tested_range"],
        panels=tuple(
            Panel(**{**each, "series": tuple(_series(one) for one in each["series"])}) for each in data["panels"]
        ),
        finding=data["finding"],
    )


def _made(kind: type[Made], data: Mapping[str, Any]) -> Made:
    """A record of plain values; its numbers may be words or missing."""
    numbers = {field.name for field in fields(kind) if field.type in ("float", float)}  # type: ignore[arg-type]
    return kind(**{name: _number(value) if name in numbers else value for name, value in data.items()})


def _series(data: Mapping[str, Any]) -> Series:
    arrays = {name: None if data[name] is None else _array(data[name]) for name in ("x", "y", "low", "high", "values")}
    return Series(**{**data, **arrays, "categories": tuple(data["categories"])})


def _array(values: list[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([_array(value) if isinstance(value, list) else _number(value) for value in values], dtype=float)


def _number(value: Any) -> float:
    """A number as `strict` writes it: what is not a number as null, infinities as words."""
    words = {None: math.nan, "infinity": math.inf, "-infinity": -math.inf}
    return words[value] if value in words else float(value)
