"""The catalogue of claims as Markdown, out of the registry, and what the last verification said of each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cgrosim.claims.claim import Claim
from cgrosim.claims.formulas import FORMULAS
from cgrosim.claims.registry import all_claims
from cgrosim.claims.report.mathml import mathml

EFFORTS = {"full": "with `--full`", "quick": "at the default effort"}
VERDICTS, POWER = (Path(__file__).parents[1] / name for name in ("verdicts.json", "power.json"))


def verdicts() -> dict[str, dict[str, object]]:
    """What the committed verification said, by claim, of those that state the same today; see ``gather.py``."""
    found, known = _committed(VERDICTS).get("claims", {}), all_claims()
    return {name: each for name, each in found.items() if name in known and each["stated"] in _marks(known[name])}


def stated(statement: str, worlds: Sequence[str]) -> str:
    """A mark of what a claim states and of the worlds it is put to."""
    return hashlib.sha256("\n".join([statement, *worlds]).encode()).hexdigest()[:12]


def _marks(claim: Claim) -> tuple[str, str]:
    """With its worlds, and with none: where nothing was measured none was looked at."""
    return stated(claim.statement, [world.name for world in claim.worlds]), stated(claim.statement, [])


def verdict_line(name: str) -> str:
    """One sentence: the verdict, how many checks, how many wrong worlds were rejected."""
    found = verdicts().get(name)
    if found is None:
        return f"none is committed; `cgrosim verify {name} --full` decides"
    if found["verdict"] == "not measured":
        return f"not measured with this effort; `cgrosim verify {name} --full` decides"
    return (
        f"{found['verdict']}; {found['checks']} checks; rejected {found['rejected']} of {found['worlds']} wrong worlds"
    )


def power_line(name: str) -> str:
    """One sentence: the smallest error of each parameter that the claim notices, or how to measure it.

    That of ``--full`` where it was measured, which is what a verdict can rest on.
    """
    power = _committed(POWER)
    effort = next((each for each in EFFORTS if name in power.get(each, {}).get("claims", {})), None)
    if effort is None:
        return f"not measured yet; `cgrosim verify --power {name}` does"
    found = power[effort]["claims"][name]
    noticed = found["noticed"].items()
    seen = [f"{words} in `{parameter}`" for parameter, words in noticed if words != "-"]
    blind = [f"`{parameter}`" for parameter, words in noticed if words == "-"]
    parts = [f"notices an error of {', '.join(seen)}"] * bool(seen) + [f"none in {', '.join(blind)}"] * bool(blind)
    parts += [f"{found['missing']} parameters are not measured yet"] * bool(found["missing"])
    return "; ".join(parts) + f" ({EFFORTS[effort]})" if parts else "no parameter of a simulation is in its statement"


def provenance() -> str:
    """Where the committed verdicts come from, how many of which, and of how many claims the power is known."""
    said, count = _committed(VERDICTS), len(all_claims())
    if not said:
        return "No verdicts are committed: `cgrosim verify` decides, `cgrosim verify --full` all of them."
    tally = Counter(str(each["verdict"]) for each in verdicts().values())
    tally["without a verdict here"] = count - tally.total()
    counted = ", ".join(f"{number} {verdict}" for verdict, number in tally.items() if number)
    dates = sorted({str(each["date"]) for each in verdicts().values()})
    power = _committed(POWER)
    text = (
        f"Verdicts of these {count} claims: {counted}. From `{said['command']}`, effort {said['effort']}, seed "
        f"{said['seed']}, cgrosim {said['version']}, {' to '.join(dict.fromkeys(dates[:1] + dates[-1:]))}. "
        "Yours may differ in version; `cgrosim verify CLAIM` decides anew."
    )
    if power:
        known = [
            f"for {sum(name in power[effort]['claims'] for name in all_claims())} of the claims {words} (seed "
            f"{power[effort]['seed']}, cgrosim {power[effort]['version']})"
            for effort, words in EFFORTS.items()
            if effort in power
        ]
        text += (
            f" Power: the smallest error of a parameter that is noticed whatever its sign, of sizes tried from 0.1 to "
            f"50 %; with a sign, noticed that way alone. Measured {', '.join(known)}."
        )
    return text


def _committed(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def formula(claim: Claim) -> str:
    """What a claim states, typeset as in the report; empty where it has no formula."""
    text = claim.formula or FORMULAS.get(claim.name, "")
    return f'<div class="formula">{" ".join(mathml(text).split())}</div>\n\n' if text else ""


def entry(claim: Claim) -> str:
    """One claim under a heading of its own."""
    worlds = "".join(f"  - {world.name}\n" for world in claim.worlds)
    return (
        f"(claim-{claim.name})=\n"
        f"## {claim.name}\n\n"
        f"*{claim.title}*\n\n"
        f"{formula(claim)}"
        f"```text\n{claim.statement}\n```\n\n"
        f"- **kind** {claim.kind}; **for** {claim.proved_for}\n"
        f"- **source** {claim.source.replace('|', chr(92) + '|').replace('<', '&lt;')}\n"
        f"- **verdict** {verdict_line(claim.name)}\n"
        f"- **power** {power_line(claim.name)}\n"
        f"- **must not pass in**\n{worlds}"
        f"- `cgrosim verify {claim.name}` (about {max(claim.cost, 0.1):g} s), `cgrosim verify --power {claim.name}`\n"
    )


def catalogue() -> str:
    """Every claim, in reading order."""
    claims = list(all_claims().values())
    return f"{provenance()}\n\n" + "\n".join(entry(claim) for claim in claims)
