"""The page about what was measured of the power, from the numbers alone: ``python docs/_extension/power_page.py``.

Writes ``docs/explanation/power.md`` and, for the catalogue, ``docs/power.json`` from what
``cgrosim verify --power --out tests/claims/measured`` and, with ``--full``, ``tests/claims/measured/full`` have left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cgrosim.claims.power import Noticed
    from cgrosim.claims.report.power import Sitting

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "tests" / "claims" / "measured"
FULL = "full"  # folder below for the larger effort
PAGE = ROOT / "docs" / "explanation" / "power.md"
HALF = 0.03  # what half of the claims are to notice; all of them `GOAL`
REDRAWN = ("neurons", "patches")  # where these are off a rejection is one of another start, and no sign of power
TITLES = {"full": "With `--full`", "quick": "At the default effort"}


def sittings(folder: Path = MEASURED) -> list[Sitting]:
    """What was measured, the larger effort first."""
    from cgrosim.claims.report.power import Sitting

    found = [each for each in (Sitting.read(folder / FULL), Sitting.read(folder)) if each is not None]
    if not found:
        raise FileNotFoundError(f"no power.json in {folder}")
    return found


def page(folder: Path = MEASURED) -> str:
    """The page as Markdown."""
    from cgrosim.claims.power import GOAL, LEVELS, OBSERVED, PARAMETERS
    from cgrosim.claims.report.power import unseen_list

    each = sittings(folder)
    known = {one.effort: _known(one) for one in each}
    best = {name: found for one in reversed(each) for name, found in known[one.effort].items()}
    exact = {name: found for name, found in best.items() if not _judged(found) and len(found) == len(PARAMETERS)}
    sizes = ", ".join(f"{100 * level:g}" for level in LEVELS)
    without = [
        f"`{name}`" for name, found in exact.items() if not any(one.absent == OBSERVED for one in found.values())
    ]
    return (
        "# How small an error would have been noticed\n\n"
        "`cgrosim verify --power` simulates, from the same seeds, a world in which one parameter is off, and searches "
        "for the smallest change that a claim's rules reject, in both directions. An error of the theory of that size, "
        "in that parameter, could not have hidden. A first trial says how far the change moves the checks; the next "
        "ones are placed by that, and the search ends between two neighbours of the sizes that are tried: "
        f"{sizes} %; of the power they are absolute ({LEVELS[0]:g} to {LEVELS[-1]:g}).\n\n"
        "A dash: 50 % (of the power, 0.5) is not noticed. With a sign: noticed in that direction alone, as of a bound "
        "that holds on one side. Empty: no run of the claim has the parameter, or it was not measured yet.\n\n"
        "A number is of its claim as it stood on the day named. Where the number of neurons or of patches is off the "
        "start is drawn anew, and so are all vectors that are drawn one by one: what is predicted from a start is then "
        "compared with another one. Where the number of samples is off the first ones keep their starts.\n\n"
        f"{''.join(_section(one, known[one.effort]) for one in each)}"
        f"## Not noticed at {100 * GOAL:.0f} %, and why\n\n"
        f"{unseen_list({name: found for name, found in best.items() if _judged(found)})}\n"
        "## Without a parameter of a run\n\n"
        "Both sides of these are computed with the same parameters, or they are about something else than runs; their "
        f"wrong worlds are in [the catalogue](../reference/claims.md): {', '.join(without) or 'none'}.\n\n"
        f"## Not measured yet\n\n{''.join(f'{TITLES[effort]}:{_missing(found)}' for effort, found in known.items())}"
    )


def _known(sitting: Sitting) -> dict[str, Mapping[str, Noticed]]:
    """What was measured of the claims that there are, in their order."""
    from cgrosim.claims.registry import all_claims

    return {name: sitting.powers[name] for name in all_claims() if name in sitting.powers}


def _judged(found: Mapping[str, Noticed]) -> bool:
    """Whether any parameter of a run is in the statement."""
    return any(not one.absent for one in found.values())


def _section(sitting: Sitting, known: Mapping[str, Mapping[str, Noticed]]) -> str:
    """One effort: where its numbers are from, how many of them are good, and all of them."""
    from cgrosim.claims.report.power import power_table

    judged = {name: found for name, found in known.items() if _judged(found)}
    days = sorted({sitting.dates[name] for name in known if name in sitting.dates})
    full = sitting.effort == "full"
    place, more = (f"tests/claims/measured{part}" for part in ("/full" * full, "/full" * (not full)))
    command = f"cgrosim verify --power{' --full' * full} CLAIM --out {place}"
    return (
        f"## {TITLES[sitting.effort]}\n\n"
        f"Seed {sitting.seed}, {' to '.join(dict.fromkeys((days[0], days[-1]))) if days else 'never'}, in sittings: "
        f"`{command}` goes on where they ended and measures again what has changed since (`--since {more}`: the search "
        f"begins where the other effort's ended). In numbers, with false-alarm rates: `{place}/power.json`, "
        f"from which this page is made.\n\n{_summary(judged)}\n\n{power_table(judged)}\n"
    )


def _summary(judged: Mapping[str, Mapping[str, Noticed]]) -> str:
    """How many of the pairs of a claim and a parameter notice how small a change, and how many claims."""
    from cgrosim.claims.limits import LIMITS
    from cgrosim.claims.power import GOAL

    pairs = [(claim, one) for claim, found in judged.items() for one in found.values() if not one.absent]
    whole = [one.change for _, one in pairs if one.change is not None]
    fine, good = (sum(change <= size for change in whole) for size in (HALF, GOAL))
    one_way = sum(one.change is None and bool(one.up or one.down) for _, one in pairs)
    blind = [(claim, one) for claim, one in pairs if not one.up and not one.down]
    derived = sum(one.parameter in LIMITS.get(claim, {}) for claim, one in blind)
    possible = [
        (claim, one)
        for claim, one in pairs
        if (one.change is not None or one.moved is not None) and one.parameter not in REDRAWN
    ]
    rest = [one.change or math.inf for claim, one in possible if one.parameter not in LIMITS.get(claim, {})]
    return (
        f"Of {len(pairs)} pairs of a claim and a parameter that its runs have, {fine} notice {100 * HALF:.0f} % or "
        f"less whatever the sign, {good - fine} more {100 * GOAL:.0f} %, {len(whole) - good} more than that, {one_way} "
        f"one direction alone, and {len(blind)} nothing up to 50 % ({derived} of these for a reason given below). Of "
        f"the {len(rest)} that can be off both ways, for which no reason is derived and no other start is drawn "
        "(all but the numbers of neurons and of patches), "
        f"{sum(size <= GOAL for size in rest)} notice {100 * GOAL:.0f} %, and {sum(size <= HALF for size in rest)} "
        f"notice {100 * HALF:.0f} %."
    )


def _missing(known: Mapping[str, Mapping[str, Noticed]]) -> str:
    from cgrosim.claims.power import PARAMETERS
    from cgrosim.claims.registry import all_claims

    rest = {name: [p.replace("_", " ") for p in PARAMETERS if p not in found] for name, found in known.items()}
    lines = [f"- `{name}`: {', '.join(names)}.\n" for name, names in rest.items() if names]
    judged = [f"`{name}`" for name, claim in all_claims().items() if name not in known and claim.kind != "observation"]
    lines += [f"- Nothing yet of {', '.join(judged)}.\n"] if judged else []
    return "\n\n" + "".join(lines) + "\n" if lines else " nothing.\n\n"


if __name__ == "__main__":
    import gather

    for place in (MEASURED / FULL, MEASURED):
        if (place / "power.json").exists():
            gather.powers(place)
    PAGE.write_text(page(), encoding="utf-8")
