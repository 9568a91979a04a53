"""Which claims of the theory hold: what a claim is made of, how it is evaluated, and what is told of it."""

from cgrosim.claims import checks
from cgrosim.claims.claim import Claim, Evidence, Panel, Series, Trial, Verdict
from cgrosim.claims.power import Noticed
from cgrosim.claims.report.power import power_table
from cgrosim.claims.runner import measure_power, verify
from cgrosim.claims.verdicts import Verdicts
from cgrosim.predictions.regime import Slack
from cgrosim.studies.context import Context
from cgrosim.studies.world import World, plus, raised_to, times

__all__ = [
    "Claim", "Context", "Evidence", "Noticed", "Panel", "Series", "Slack", "Trial", "Verdict", "Verdicts", "World",
    "checks", "measure_power", "plus", "power_table", "raised_to", "times", "verify",
]  # fmt: skip
