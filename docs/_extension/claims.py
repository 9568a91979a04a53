"""The catalogue of claims as Markdown, out of the registry, and what the last verification said of each."""

from __future__ import annotations

import json
from pathlib import Path

from cgrosim.claims.claim import Claim
from cgrosim.claims.formulas import FORMULAS
from cgrosim.claims.registry import all_claims
from cgrosim.claims.report.mathml import mathml

VERDICTS = Path(__file__).parents[1] / "verdicts.json"


def verdicts() -> dict[str, dict[str, object]]:
    """What the committed verification said, by claim; gathered by ``docs/_extension/gather.py``."""
    return dict(json.loads(VERDICTS.read_text(encoding="utf-8"))["claims"]) if VERDICTS.exists() else {}


def verdict_line(name: str) -> str:
    """One sentence: the verdict, how many checks, how many wrong worlds were rejected."""
    found = verdicts().get(name)
    if found is None:
        return f"`cgrosim verify {name} --full` decides"
    return (
        f"{found['verdict']}; {found['checks']} checks; rejected {found['rejected']} of {found['worlds']} wrong worlds"
    )


def provenance() -> str:
    """Where the committed verdicts come from."""
    if not VERDICTS.exists():
        return (
            "The full verification of version 0.1 supported its 49 claims, some of them in other words. Verdicts of "
            "this version are not committed yet: `cgrosim verify --full` decides."
        )
    said = json.loads(VERDICTS.read_text(encoding="utf-8"))
    return (
        f"Verdicts: `{said['command']}`, cgrosim {said['version']}, seed {said['seed']}, {said['date']}. "
        "Yours may differ in version; `cgrosim verify CLAIM` decides anew."
    )


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
        f"- **must not pass in**\n{worlds}"
        f"- `cgrosim verify {claim.name}` (about {max(claim.cost, 0.1):g} s), `cgrosim verify --power {claim.name}`\n"
    )


def catalogue() -> str:
    """Every claim, in reading order."""
    claims = list(all_claims().values())
    return f"{len(claims)} claims. {provenance()}\n\n" + "\n".join(entry(claim) for claim in claims)
