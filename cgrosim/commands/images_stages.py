"""``cgrosim images stages``: the theory's three stages on real images, standard beside adversarial training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from cgrosim.commands.folders import check_directory
from cgrosim.commands.images_options import real_number, whole_number
from cgrosim.commands.terminal import announce_compilation, console, progress_bar

if TYPE_CHECKING:
    import xarray

    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.experiments.stage_records import StageData
    from cgrosim.images.experiments.stages import StageSettings
    from cgrosim.images.network.patch_model import ClassMeanAttack

LARGE = {"patch": 14, "samples": 1000, "learning_rate": 0.02, "initial_scale": 0.03, "steps": 3000, "test_samples": 500}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "digits": {},  # those of StageSettings
    "mnist": LARGE,
    "fashion-mnist": LARGE,
    "cifar-10": {**LARGE, "patch": 16, "learning_rate": 0.005},
}
ATTACKS = ("class-mean", "class-mean-shift", "linf", "l2")
WHOLE = ("patch", "filters", "exponent", "steps", "records", "seed")
REAL = ("learning_rate", "initial_scale", "adversarial_weight")


def _told(metavar: str, text: str) -> Any:
    return tyro.conf.arg(help=text, metavar=metavar, help_behavior_hint="")


@dataclass(frozen=True)
class Stages:
    """Look for the theory's three stages on real images: OUT/image_stages.png, standard.nc and adversarial.nc. The
    same command goes on where it was stopped or killed.
    """

    dataset: Annotated[str, _told("NAME", "digits, mnist, fashion-mnist or cifar-10 (default: digits)")] = "digits"
    data_dir: Annotated[
        Path | None, _told("DIR", "folder of the files (default: CGROSIM_DATA, else a checked download)")
    ] = None
    classes: Annotated[
        tuple[str, ...], _told("K K|all", "two classes, the second with label +1; or more; or all (default: 0 1)")
    ] = ("0", "1")
    patch: Annotated[str | None, _told("INT", "side of a patch in pixels (default: 4; mnist 14, cifar-10 16)")] = None
    filters: Annotated[str | None, _told("INT", "number of filters (default: 20)")] = None
    exponent: Annotated[str | None, _told("2|3|4|5", "q of the odd power (default: 3)")] = None
    attack: Annotated[
        str,
        _told(
            "|".join(ATTACKS),
            "class-mean: the theory's attack, every patch along its class-mean part, exact, for two classes; "
            "class-mean-shift: its full shift; linf, l2: PGD on the pixels (default: class-mean)",
        ),
    ] = "class-mean"
    gap: Annotated[str, _told("NUMBER", "share of the class-mean part that its attack leaves (default: 0.1)")] = "0.1"
    radius: Annotated[str | None, _told("NUMBER", "of PGD, pixels in [0, 1] (default: 0.1; l2 1)")] = None
    attack_steps: Annotated[str, _told("INT", "PGD steps in training; twice as many measure (default: 7)")] = "7"
    adversarial_weight: Annotated[
        str | None, _told("NUMBER", "lam in (1 - lam) clean + lam adversarial loss (default: 0.5)")
    ] = None
    steps: Annotated[str | None, _told("INT", "of full-batch gradient descent (default: 5000; others 3000)")] = None
    learning_rate: Annotated[
        str | None, _told("NUMBER", "of gradient descent (default: 0.1; mnist 0.02, cifar-10 0.005)")
    ] = None
    initial_scale: Annotated[
        str | None, _told("NUMBER", "standard deviation of the initial weights (default: 0.1; others 0.03)")
    ] = None
    subset: Annotated[
        str | None, _told("INT|all", "training images, class-balanced (default: 60 of digits, 1000 of others)")
    ] = None
    test_subset: Annotated[str | None, _told("INT|all", "test images (default: all of digits, 500 of others)")] = None
    records: Annotated[str | None, _told("INT", "records per decade of steps (default: 20)")] = None
    seed: Annotated[str | None, _told("INT", "of everything random (default: 0)")] = None
    out: Annotated[Path, tyro.conf.arg(help="directory of the results; a run begun there goes on")] = Path(
        "results/images_stages"
    )

    def run(self) -> int:
        """Train both, judge, draw, save; status 1 if a run diverged, 130 if it was interrupted."""
        from cgrosim.errors import UserError
        from cgrosim.images.data.datasets import load_dataset
        from cgrosim.images.experiments.stages import stage_data

        if self.dataset not in DEFAULTS:
            raise UserError(f"dataset is {self.dataset!r}, but must be one of {', '.join(DEFAULTS)}.")
        attack = attack_from(self, 1)
        check_directory(self.out)
        with progress_bar("data") as progress:
            dataset = load_dataset(self.dataset, self.data_dir, progress=progress)
        settings = settings_from(self, dataset, attack)
        if settings.adversarial_weight == 0.0:
            raise UserError("adversarial_weight is 0, but standard training is done in any case; give more than 0.")
        data = stage_data(settings, dataset)
        runs = _run_both(settings, data, self.out)
        _report(runs, self.out)
        for sentence in self_checks(settings, data, runs):
            console.print(f"[bold red]warning[/bold red] {sentence}", highlight=False)
        if any(run.attrs["status"] == "interrupted" for run in runs.values()):
            console.print("interrupted; the same command goes on from here")
            return 130
        return 1 if any(run.attrs["status"] == "diverged" for run in runs.values()) else 0


def attack_from(options: Stages, effort: int) -> ClassMeanAttack | Attack:
    """The attack that the options name, with `effort` times the steps of PGD."""
    from cgrosim.errors import ParameterError
    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.network.patch_model import ClassMeanAttack

    if options.attack not in ATTACKS:
        raise ParameterError(f"attack is {options.attack!r}, but must be one of {', '.join(ATTACKS)}.")
    if options.attack.startswith("class-mean"):
        return ClassMeanAttack(real_number("gap", options.gap), search=options.attack == "class-mean")
    norm = "linf" if options.attack == "linf" else "l2"
    radius = {"linf": 0.1, "l2": 1.0}[norm] if options.radius is None else real_number("radius", options.radius)
    return Attack.pgd(norm, radius, effort * whole_number("attack_steps", options.attack_steps))  # type: ignore[arg-type]


def settings_from(options: Stages, dataset: Dataset, attack: ClassMeanAttack | Attack) -> StageSettings:
    """The settings of the data set, changed by the options that were given.

    Raises
    ------
    ParameterError
        If a value is bad, in one sentence.
    """
    from cgrosim.errors import ParameterError
    from cgrosim.images.experiments.stages import StageSettings

    if options.classes == ("all",):
        classes = tuple(range(dataset.classes))
    else:
        classes = tuple(whole_number("classes", text) for text in options.classes)
    unknown = [k for k in classes if not 0 <= k < dataset.classes]
    if unknown:
        raise ParameterError(f"classes contain {unknown[0]}, but {dataset.name} has 0 to {dataset.classes - 1}.")
    chosen: dict[str, Any] = dict(DEFAULTS[options.dataset])
    for names, read in ((WHOLE, whole_number), (REAL, real_number)):
        texts = {name: getattr(options, name) for name in names}
        chosen |= {name: read(name, text) for name, text in texts.items() if text is not None}
    for name, text in (("samples", options.subset), ("test_samples", options.test_subset)):
        if text is not None:
            chosen[name] = None if text == "all" else whole_number(name, text)
    return StageSettings(
        dataset=dataset.name,
        classes=classes,
        class_names=tuple(dataset.class_names[k] for k in classes),
        attack=attack,
        evaluation_attack=attack_from(options, 2),
        **chosen,
    )


def _run_both(settings: StageSettings, data: StageData, out: Path) -> dict[str, xarray.Dataset]:
    """Standard and adversarial training of the same start; an interruption ends both."""
    from cgrosim.images.experiments.stages import run_stages

    announce_compilation()
    runs: dict[str, xarray.Dataset] = {}
    both = {"standard": settings.replace(adversarial_weight=0.0), "adversarial": settings}
    with progress_bar("training") as progress:
        for k, (name, each) in enumerate(both.items()):

            def report(what: str, share: float, name: str = name, k: int = k) -> None:
                progress(f"{name}, {what}", 0.2 * share if k == 0 else 0.2 + 0.8 * share)  # the attack costs time

            runs[name] = run_stages(each, data, checkpoint=out / f"{name}.npz", progress=report)
            if runs[name].attrs["status"] == "interrupted":
                break
    return runs


def _report(runs: dict[str, xarray.Dataset], out: Path) -> None:
    """The verdicts, the accuracies, the rules; the files and the figure."""
    from rich.table import Table

    from cgrosim.figures import save_figure
    from cgrosim.figures.image_stages import image_stages_figure
    from cgrosim.images.experiments.stage_records import save

    attributes = next(iter(runs.values())).attrs
    measured = attributes["attack"].partition("; measured by ")[2]
    table = Table("training", "stage", "", "measured", title=f"robust: {measured}", title_justify="left")
    for name, run in runs.items():
        label = name
        for verdict in json.loads(run.attrs["stages"]):
            table.add_row(label, verdict["stage"], "seen" if verdict["seen"] else "not seen", verdict["reason"])
            label = ""
        table.add_row("", "accuracy (%)", "", accuracies(run), end_section=True)
    console.print(table)
    console.print(f"A stage counts as seen by these rules. {attributes['rules']}", highlight=False)
    for name, run in runs.items():
        if run.attrs["message"]:
            console.print(f"[bold]{name}[/bold]: {run.attrs['message']}", highlight=False)
    written = [save(run, out / f"{name}.nc") for name, run in runs.items()]
    titles = {"standard": "Standard training", "adversarial": "Adversarial training"}
    figure = image_stages_figure({titles[name]: run for name, run in runs.items()})
    written.append(save_figure(figure, out / "image_stages.png", dpi=100.0))
    seconds = sum(run.attrs["seconds"] for run in runs.values())
    console.print(f"trained in {seconds:.1f} s; written {', '.join(str(path) for path in written)}", highlight=False)


def self_checks(settings: StageSettings, data: StageData, runs: Mapping[str, xarray.Dataset]) -> list[str]:
    """Warnings about the measuring attack on the last networks: zero gradients, or a black-box attack that beats it.

    The attack along class means is a closed form and needs no such check.
    """
    from cgrosim.images.attacks.evaluation import evaluate
    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.experiments.stages import last_network
    from cgrosim.model.streams import StagesStream, stream

    attack = settings.measuring_attack
    if not isinstance(attack, Attack):
        return []
    found = []
    for name, run in runs.items():
        network = last_network(settings, data, run)
        images = data.test_images.astype("float32")
        checked = evaluate(network, images, data.test_labels, attack, stream(settings.seed, StagesStream.CHECKS))
        found += [f"{name}: {sentence}" for sentence in checked.warnings]
    return found


def accuracies(run: xarray.Dataset) -> str:
    """The four accuracies at the last record, in words."""
    parts = []
    for kind in ("clean", "robust"):
        train, test = (100 * float(run[f"{kind}_{where}_accuracy"][-1]) for where in ("train", "test"))
        parts.append(f"{kind} train {train:.1f}, {kind} test {test:.1f}")
    return ", ".join(parts)
