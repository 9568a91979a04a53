"""``cgrosim info``: what this installation is, and which hypotheses hold for given parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from cgrosim.commands.options import ExperimentOptions, params_from
from cgrosim.commands.terminal import console, progress_bar
from cgrosim.model.params import Params

if TYPE_CHECKING:
    from cgrosim.predictions.regime import Slack


@dataclass(frozen=True)
class Info:
    """Show versions, threads, BLAS and cache; then plan, regime report and predictions of the given parameters."""

    experiment: Annotated[ExperimentOptions, tyro.conf.arg(name="")] = field(default_factory=ExperimentOptions)
    config: Annotated[Path | None, tyro.conf.arg(metavar="TOML", help="file with parameters; options override it")] = (
        None
    )

    def run(self) -> int:
        """Print the installation, the parameters, the plan, the slack of every hypothesis and every prediction."""
        from cgrosim.predictions.predict import predict
        from cgrosim.run.planning import plan

        params = params_from(self.config, self.experiment)
        for name, value in installation().items():
            console.print(f"{name:<14}{value}", highlight=False)
        console.print("\n[bold]parameters[/bold]")
        console.print(params.to_toml(), highlight=False, end="")
        chosen = plan(params, params.steps)
        console.print(f"\n[bold]plan[/bold]    {chosen.reason}", highlight=False)
        if chosen.cost is not None:
            console.print(f"[bold]cost[/bold]    {chosen.cost.sentence()}", highlight=False)
        console.print(f"[bold]attack[/bold]  {params.attack_description}\n", highlight=False)
        with progress_bar("predicting"):
            predicted = predict(params)
        _print_regime(params, predicted.regime)
        console.print(f"\n{predicted}", highlight=False, markup=False, soft_wrap=True)
        return 0


def installation() -> dict[str, str]:
    """Versions, threads, vector lanes, BLAS and the place of the compiled kernels."""
    import numba
    import numpy as np

    from cgrosim.files.versions import versions
    from cgrosim.kernels import direct, microkernels
    from cgrosim.kernels.compiled_files import folder_of

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        **versions(),
        "threads": str(numba.config.NUMBA_NUM_THREADS),
        "vector lanes": f"{microkernels.lanes()} doubles",
        "BLAS": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "kernel cache": folder_of(direct.FORMS[0]),
    }


def _print_regime(params: Params, predicted: tuple[Slack, ...]) -> None:
    """The hypotheses by family, and below them the predicted edges of the weight decay in use."""
    from rich.table import Table

    from cgrosim.predictions.edge_slacks import FAMILY
    from cgrosim.predictions.regime import regime_report

    table = Table("hypothesis", "statement", "slack", "holds", title="regime report")
    edges = (slack for slack in predicted if slack.name.startswith(f"{FAMILY}: "))
    for slack in (*regime_report(params), *edges):
        table.add_row(slack.name, slack.statement, f"{slack.slack:+.3g}", "yes" if slack.slack > 0 else "NO")
    console.print(table)
