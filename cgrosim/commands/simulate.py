"""``cgrosim simulate``: one run, its stage table, its figures and its file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from cgrosim.commands.folders import check_space, held, next_folder, refuse_results
from cgrosim.commands.options import ExperimentOptions, given, params_from
from cgrosim.commands.terminal import (
    announce_compilation,
    attempted,
    console,
    print_line,
    print_notice,
    progress_bar,
)
from cgrosim.files.words import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from cgrosim.model.params import Params
    from cgrosim.model.sampling import ClosedSystem
    from cgrosim.predictions.predicted import Predictions
    from cgrosim.run.results import Run

FOLDER = Path("results")
FIGURES = ("three_stages.png", "neuron_plane.png", "memorisation_law.png", "neuron_plane.gif")
OLD_FIGURES = ("memorization_law.png",)  # names of the first version, that must not stay beside a new run
INTERRUPTED = "interrupted.nc"  # where half a run goes that must not replace a whole one
RESULTS = ("run.nc", *FIGURES, *OLD_FIGURES, INTERRUPTED)


@dataclass(frozen=True)
class Simulate:
    """Run one experiment and draw it: OUT/run.nc, three_stages.png, neuron_plane.png, memorisation_law.png."""

    experiment: Annotated[ExperimentOptions, tyro.conf.arg(name="")] = field(default_factory=ExperimentOptions)
    config: Annotated[Path | None, tyro.conf.arg(metavar="TOML", help="file with parameters; options override it")] = (
        None
    )
    start: Annotated[
        Path | None, tyro.conf.arg(metavar="JSON", help="repeat a run of the classroom page: its exported lesson file")
    ] = None
    out: Annotated[
        Path | None, tyro.conf.arg(help="directory for the run and its figures (default: the next results/run-1, ...)")
    ] = None
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace the results of an earlier run in that directory"""
    checkpoint: Annotated[Path | None, tyro.conf.arg(help="save the state here every few seconds")] = None
    resume: Annotated[Path | None, tyro.conf.arg(help="continue from this checkpoint, bit-identically")] = None
    paired: Annotated[bool, tyro.conf.arg(help="also train the same start without attack, for the neuron plane")] = True
    animate: Annotated[bool, tyro.conf.arg(help="also write the neuron plane as an animation")] = False

    def run(self) -> int:
        """Simulate, save, print, draw; status 1 if the run diverged or a figure failed, 130 if it was interrupted."""
        from cgrosim.errors import UserError
        from cgrosim.run.checkpoint import load_checkpoint
        from cgrosim.run.planning import predicted_bytes

        options = [value for value in vars(self.experiment).values() if value is not None]
        if self.resume is not None and (options or self.config is not None or self.start is not None):
            raise UserError(
                "resume continues a run with the parameters in its checkpoint; leave out every other parameter."
            )
        if self.start is not None and self.config is not None:
            raise UserError("start and config both give the parameters; leave one of them out.")
        start: ClosedSystem | None = None
        if self.resume is not None:
            params = load_checkpoint(self.resume).params
        elif self.start is not None:
            from cgrosim.classroom.lesson import read_lesson

            lesson = read_lesson(self.start, given(self.experiment))
            params, start = lesson.params, lesson.start
        else:
            params = params_from(self.config, self.experiment)
        out = next_folder(FOLDER) if self.out is None else self.out
        with held(out, spare=self.out is None):  # a run that was refused leaves no empty folder
            if not _goes_on(out, params, self.resume):
                refuse_results(out, RESULTS, self.overwrite)
            for name in RESULTS:
                if self.checkpoint and os.path.realpath(self.checkpoint) == os.path.realpath(out / name):
                    raise UserError(
                        f"checkpoint is {shown(self.checkpoint)}, where a result goes; choose another name."
                    )
            check_space(out, predicted_bytes(params, params.steps or 10**6)["records"] // 2)
            return self._run_in(out, params, start)

    def _run_in(self, out: Path, params: Params, start: ClosedSystem | None) -> int:
        from cgrosim.predictions.predict import predict
        from cgrosim.run.session import resume, simulate

        announce_compilation()
        with progress_bar("simulating") as progress:
            if self.resume is not None:
                run = resume(self.resume, progress=progress, announce=_say_cost)
            else:
                run = simulate(params, start=start, progress=progress, announce=_say_cost, checkpoint=self.checkpoint)
        with progress_bar("saving and predicting"):
            path = _save(run, out)
            predictions = attempted("prediction", lambda: predict(run))
        attempted("table", lambda: _print_summary(run, predictions, path))
        if run.status == "interrupted":
            return 130
        return max(_draw(run, predictions, out, self.paired, self.animate), 1 if run.status == "diverged" else 0)


def _say_cost(cost: str) -> None:
    print_notice(f"this run takes {cost}.")


def _goes_on(out: Path, params: Params, resumed: Path | None) -> bool:
    """Whether a run is continued where the interrupted half of the same run stands, which may then be replaced."""
    from cgrosim.errors import FileError
    from cgrosim.run.results import load

    if resumed is None or not (out / "run.nc").exists():
        return False
    try:
        standing = load(out / "run.nc")
    except FileError:
        return False
    return standing.status == "interrupted" and standing.params == params


def _save(run: Run, out: Path) -> Path:
    """Write the run; half a run never replaces a whole one, and no figure of an earlier run stays beside a new one."""
    if run.status == "interrupted" and _whole_run(out / "run.nc"):
        print_notice(f"{out / 'run.nc'} holds a run that ended, and stays; the interrupted one is {INTERRUPTED}.")
        return run.save(out / INTERRUPTED, with_start=_given(run))
    path = run.save(out / "run.nc", with_start=_given(run))
    for name in (*FIGURES, *OLD_FIGURES, INTERRUPTED):
        (out / name).unlink(missing_ok=True)
    return path


def _given(run: Run) -> bool:
    """Whether the start cannot be drawn again from the parameters, so that the file has to hold it."""
    return run.attributes.get("start") == "given"


def _whole_run(path: Path) -> bool:
    from cgrosim.errors import FileError
    from cgrosim.run.results import load

    try:
        return load(path).status != "interrupted"
    except FileError:
        return False


def _print_summary(run: Run, predictions: Predictions | None, path: Path) -> None:
    from rich.table import Table

    attributes = run.data.attrs
    print_line(f"plan   {attributes['plan']}")
    print_line(f"attack {attributes['attack']}")
    if run.message:
        print_line(f"note   {run.message}")
    table = Table("stage", "measured", "predicted", "at the last step")
    for row in stage_rows(run, predictions):
        table.add_row(*row)
    console.print(table)
    print_line(f"{attributes['steps_taken']:.4g} steps in {attributes['seconds']:.2f} s; saved {path}")


def stage_rows(run: Run, predicted: Predictions | None) -> list[tuple[str, str, str, str]]:
    """The stages of a run in words: when they happened, when they were predicted, and where the run ended."""
    import numpy as np

    data = run.data
    if run.data.sizes["step"] == 0:
        return []
    memorised = data["memorization_time"].values
    done = memorised > 0.0
    symbol = "alpha^q U" if run.params.activation == "power" else "part of the margin"
    learnt, final = f"{symbol} = {run.final('signal_margin'):.3g}", run.final("memorization")
    noise = f"V from {final.min():.3g} to {final.max():.3g}"
    errors = ", ".join(
        f"{name} {run.final(key):.3g}"
        for name, key in (
            ("clean train", "clean_train_error"),
            ("robust train", "robust_train_error"),
            ("clean test", "clean_test_error"),
            ("robust test", "robust_test_error"),
        )
        if key in data and not np.isnan(run.final(key))
    )
    times = f"steps {memorised[done].min():.4g} to {memorised[done].max():.4g}" if done.any() else "not reached"
    if done.any() and not done.all():
        times = f"{done.sum()} of {len(done)} samples, {times}"
    if begun := int(np.sum(memorised == 0.0)):  # by chance, or in a start that was trained before
        times = f"{times}; {begun} of {len(done)} at the start"
    escape = _step(float(data["escape_time"])) if run.params.trains_attacked else "no attack in training"
    return [
        (
            "I signal growth",
            _step(float(data["signal_growth_time"])),
            _predicted(predicted, "signal_growth_time"),
            learnt,
        ),
        ("III memorisation", times, _predicted(predicted, "memorization_times"), noise),
        ("escape (true robustness)", escape, _predicted(predicted, "escape_time"), ""),
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


def _draw(run: Run, predictions: Predictions | None, out: Path, paired: bool, animate: bool) -> int:
    """Write the figures; the paired standard run has the same data, start and length."""
    from cgrosim.figures import (
        memorisation_law_figure,
        neuron_plane_animation,
        neuron_plane_figure,
        save_figure,
        three_stage_figure,
    )

    def draw(name: str, figure: Callable[[], Figure]) -> Path | None:
        with progress_bar(f"drawing {name}"):
            return attempted(name, lambda: save_figure(figure(), out / name))

    written = [draw("three_stages.png", lambda: three_stage_figure(run, predictions))]
    control = attempted("control run", lambda: _standard_run(run)) if paired else None
    standard = control
    if control is not None and control.status != "finished":
        standard = None
        print_notice(f"the same start without attack was {_ended(control)}, so the neuron plane is drawn without it.")
    written.append(draw("neuron_plane.png", lambda: neuron_plane_figure(run, standard)))
    if predictions is not None:
        written.append(draw("memorisation_law.png", lambda: memorisation_law_figure(run, predictions)))
    if animate:
        gif = out / "neuron_plane.gif"
        with progress_bar(f"drawing {gif.name}"):
            written.append(attempted(gif.name, lambda: neuron_plane_animation(run, standard, gif)))
    if any(written):
        print_line("drawn " + ", ".join(str(path) for path in written if path is not None))
    if control is not None and control.status == "interrupted":
        return 130
    return 0 if all(written) else 1


def _ended(run: Run) -> str:
    verb = "interrupted" if run.status == "interrupted" else "broken off, because it diverged"
    return f"{verb} at step {run.data.attrs['steps_taken']:.4g} of {run.data.attrs['steps']:.4g}"


def _standard_run(run: Run) -> Run | None:
    """The same experiment without adversarial training, in the same engine."""
    from cgrosim.interrupts import raising_interrupts
    from cgrosim.run.session import simulate

    params: Params = run.params
    if params.adversarial_weight == 0.0 or not params.signal_only:
        return None
    steps, engine = int(run.data.attrs["steps"]), run.data.attrs["engine"]
    changed = params.replace(adversarial_weight=0.0, steps=steps, engine=engine, sampling=run.data.attrs["sampling"])
    start = run.start if _given(run) else None
    with progress_bar("the same start without attack") as progress, raising_interrupts():  # half of it is no pair
        return simulate(changed, start=start, progress=progress)
