"""The paper, statement by statement: texts from ``statements.toml``, the rest from registry, theory and experiments.

A function, claim or experiment that is named there and does not exist stops the build.
"""

from __future__ import annotations

import pkgutil
import tomllib
from pathlib import Path

import claims
import experiments

from cgrosim.claims.registry import all_claims

SOURCE = Path(__file__).parents[1] / "statements.toml"


def statements() -> str:
    """Every statement under a heading of its own, and at the end the claims that none of them names."""
    found = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["statement"]
    named = {name for each in found for name in _names(each, "claims")}
    further = [name for name in all_claims() if name not in named]
    if further:
        found.append({"name": "Further claims", "says": "Not of one statement alone.", "claims": further})
    return f"{claims.provenance()}\n\n" + "\n".join(_entry(each) for each in found)


def _entry(each: dict[str, object]) -> str:
    lines = [f"## {each['name']}", "", str(each["says"]).strip(), ""]
    if "reading" in each:
        lines += [f"**Our reading.** {str(each['reading']).strip()}", ""]
    if "open" in each:
        lines += [f"**Open.** {str(each['open']).strip()}", ""]
    functions = [_function(str(name)) for name in _names(each, "functions")]
    if functions:
        lines += ["**Functions.** " + ", ".join(functions), ""]
    names = _names(each, "claims")
    lines += [_claim(name) for name in names]
    lines += ["" if names else "**Claims.** None.", ""]
    figures = [f"[{experiments.texts()[name]['title']}](gallery.md#sim-{name})" for name in _names(each, "sims")]
    if figures:
        lines += ["**Figures.** " + ", ".join(figures), ""]
    commands = list(_names(each, "commands")) or ([f"cgrosim verify {' '.join(names)}"] if names else [])
    if commands:
        lines += ["```sh", *commands, "```", ""]
    if "unchecked" in each:
        lines += [f"**Not checked.** {str(each['unchecked']).strip()}", ""]
    return "\n".join(lines)


def _names(each: dict[str, object], key: str) -> list[str]:
    return [str(name) for name in each.get(key, ())]  # type: ignore[attr-defined]


def _function(name: str) -> str:
    pkgutil.resolve_name(f"cgrosim.{name}")  # an ImportError or AttributeError where there is none
    return f"`cgrosim.{name}`"


def _claim(name: str) -> str:
    if name not in all_claims():
        raise ValueError(f"statements.toml names the claim {name}, which does not exist")
    worlds = "; ".join(world.name for world in all_claims()[name].worlds)
    link = f"[`{name}`](reference/claims.md#claim-{name})"
    said = f"{claims.verdict_line(name)}. Power: {claims.power_line(name)}"
    return f"- **Claim** {link}: {said}. Must not pass in: {worlds}."
