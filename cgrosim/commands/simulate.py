"""``cgrosim simulate``: one run, its stage table, its figures and its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from cgrosim.commands.folders import check_directory
from cgrosim.commands.options import ExperimentOptions, params_from
from cgrosim.commands.terminal import announce_compilation, console, progress_bar

if TYPE_CHECKING:
    from cgrosim.model.params import Params
    from cgrosim.predictions.predicted import Predictions
    from cgrosim.run.results import Run


@dataclass(frozen=True)
class Simulate:
    """Run one experiment and draw it: OUT/run.nc, three_stages.png, neuron_plane.png, memorization_law.png."""

    experiment: Annotated[ExperimentOptions, tyro.conf.arg(name="")] = field(default_factory=ExperimentOptions)
    config: Annotated[Path | None, tyro.conf.arg(metavar="TOML", help="file with parameters; options override it")] = (
        None
    )
    out: Annotated[Path, tyro.conf.arg(help="directory for the run and its figures")] = Path("results")
    checkpoint: Annotated[Path | None, tyro.conf.arg(help="save the state here every few seconds")] = None
    resume: Annotated[Path | None, tyro.conf.arg(help="continue from this checkpoint, bit-identically")] = None
    paired: Annotated[bool, tyro.conf.arg(help="also train the same start without attack, for the neuron plane")] = True
    animate: Annotated[bool, tyro.conf.arg(help="also write the neuron plane as an animation")] = False

    def run(self) -> int:
        """Simulate, print, draw, save; status 1 if the run diverged, 130 if it was interrupted."""
        from cgrosim.errors import UserError
        from cgrosim.predictions.predict import predict
        from cgrosim.run.session import resume, simulate

        options = [value for value in vars(self.experiment).values() if value is not None]
        if self.resume is not None and (options or self.config is not None):
            raise UserError(
                "resume continues a run with the parameters in its checkpoint; leave out every other parameter."
            )
        check_directory(self.out)
        announce_compilation()
        with progress_bar("simulating") as progress:
            if self.resume is not None:
                run = resume(self.resume, progress=progress)
            else:
                run = simulate(params_from(self.config, self.experiment), progress=progress, checkpoint=self.checkpoint)
        path = run.save(self.out / "run.nc")
        predictions = predict(run)
        _print_summary(run, predictions, path)
        if run.status == "interrupted":
            return 130
        _draw(run, predictions, self.out, self.paired, self.animate)
        return 1 if run.status == "diverged" else 0


def _print_summary(run: Run, predictions: Predictions | None, path: Path) -> None:
    from rich.table import Table

    attributes = run.data.attrs
    console.print(f"[bold]plan[/bold]   {attributes['plan']}")
    console.print(f"[bold]attack[/bold] {attributes['attack']}")
    if run.message:
        console.print(f"[bold]note[/bold]   {run.message}")
    table = Table("stage", "measured", "predicted", "at the last step")
    for row in stage_rows(run, predictions):
        table.add_row(*row)
    console.print(table)
    console.print(f"{attributes['steps']:.4g} steps in {attributes['seconds']:.2f} s; saved {path}")


def stage_rows(run: Run, predicted: Predictions | None) -> list[tuple[str, str, str, str]]:
    """The stages of a run in words: when they happened, when they were predicted, and where the run ended."""
    import numpy as np

    data = run.data
    if run.data.sizes["step"] == 0:
        return []
    memorised = data["memorization_time"].values
    done = np.isfinite(memorised)
    learnt, final = f"alpha^q U = {run.final('signal_margin'):.3g}", run.final("memorization")
    noise = f"V from {final.min():.3g} to {final.max():.3g}"
    errors = ", ".join(
        f"{name} {run.final(key):.3g}"
        for name, key in (
            ("clean train", "clean_train_error"),
            ("robust train", "robust_train_error"),
            ("clean test", "clean_test_error"),
            ("robust test", "robust_test_error"),
        )
        if key in data
    )
    times = f"steps {memorised[done].min():.4g} to {memorised[done].max():.4g}" if done.any() else "not reached"
    if done.any() and not done.all():
        times = f"{done.sum()} of {len(done)} samples, {times}"
    return [
        (
            "I signal growth",
            _step(float(data["signal_growth_time"])),
            _predicted(predicted, "signal_growth_time"),
            learnt,
        ),
        ("III memorisation", times, _predicted(predicted, "memorization_times"), noise),
        ("escape (true robustness)", _step(float(data["escape_time"])), _predicted(predicted, "escape_time"), ""),
        ("errors", "", "", errors),
    ]


def _step(value: float) -> str:
    import math

    return f"step {value:.4g}" if math.isfinite(value) else "not reached"


def _predicted(predictions: Any, name: str) -> str:
    import numpy as np

    value = None if predictions is None else predictions.value(name)
    if value is None:
        return ""
    finite = np.asarray(value, dtype=float).ravel()
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return "never"
    if finite.size == 1:
        return _step(float(finite[0]))
    return f"steps {finite.min():.4g} to {finite.max():.4g}"


def _draw(run: Run, predictions: Predictions | None, out: Path, paired: bool, animate: bool) -> None:
    """Write the figures; the paired standard run has the same data, start and length."""
    from cgrosim.figures import memorization_law_figure, neuron_plane_animation, neuron_plane_figure, save_figure

    written = [save_figure(run.plot(predictions), out / "three_stages.png")]
    standard = _standard_run(run) if paired else None
    written.append(save_figure(neuron_plane_figure(run, standard), out / "neuron_plane.png"))
    if predictions is not None:
        written.append(save_figure(memorization_law_figure(run, predictions), out / "memorization_law.png"))
    if animate:
        written.append(neuron_plane_animation(run, standard, out / "neuron_plane.gif"))
    console.print("drawn " + ", ".join(str(path) for path in written))


def _standard_run(run: Run) -> Run | None:
    """The same experiment without adversarial training, in the same engine."""
    from cgrosim.run.session import simulate

    params: Params = run.params
    if params.adversarial_weight == 0.0 or not params.signal_only:
        return None
    steps, engine = int(run.data.attrs["steps"]), run.data.attrs["engine"]
    changed = params.replace(adversarial_weight=0.0, steps=steps, engine=engine, sampling=run.data.attrs["sampling"])
    with progress_bar("the same start without attack") as progress:
        return simulate(changed, progress=progress)
