"""The theory's three stages on real images, standard beside adversarial training of the patch network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from cgrosim.errors import ParameterError
from cgrosim.files.cells import Variable
from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.own.load import class_names_of
from cgrosim.images.data.own.place import settled_name
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job, Measurement, Options, Table, pair
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.experiments.training_options import OWN, in_words, optional_fields, short
from cgrosim.images.training.defaults import DEFAULTS, defaults_of
from cgrosim.model.settings import whole_number
from cgrosim.model.streams import StagesStream, stream
from cgrosim.progress import Progress

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from cgrosim.images.data.datasets import Dataset

TITLES = {"standard": "Standard training", "adversarial": "Adversarial training"}
RADII = {"linf": 0.1, "l2": 1.0}
COPIED = ("patch", "filters", "exponent", "learning_rate", "initial_scale", "adversarial_weight", "steps", "samples",
          "test_samples", "records", "seed")  # fmt: skip


class Asked(Options):
    """What is asked of both trainings."""

    dataset: str = Field("digits", description=f"{', '.join(DEFAULTS)}, or {OWN}")
    classes: tuple[str, ...] = Field(("0", "1"), description="two classes, the second with label +1; or more; or all")
    attack: Literal["class-mean", "class-mean-shift", "linf", "l2"] = Field(
        "class-mean",
        description="class-mean: the theory's attack, every patch along its class-mean part, exact, for two classes; "
        "class-mean-shift: its full shift; linf, l2: PGD on the pixels",
    )
    gap: float = Field(0.1, description="share of the class-mean part that its attack leaves")
    radius: float | None = Field(None, description="of PGD, pixels in [0, 1]; none: 0.1, of l2 1")
    attack_steps: int = Field(7, description="PGD steps in training; twice as many measure")

    @classmethod
    def defaults(cls) -> dict[str, str]:
        """The same for all data sets, or one by one."""
        starts = {name: StageSettings(**start.stages) for name, start in DEFAULTS.items()}
        return {name: in_words({k: short(getattr(s, name)) for k, s in starts.items()}) for name in COPIED}

    def experiment(self) -> ThreeStages:
        """The data set's defaults, changed by what was given."""
        dataset = settled_name(self.dataset)
        start = defaults_of(dataset)
        names, classes = class_names_of(dataset), self.classes
        chosen = tuple(range(len(names))) if classes == ("all",) else tuple(whole_number(text) for text in classes)
        for each in chosen:
            if not isinstance(each, int):
                raise ParameterError(f"classes is {each!r}, but must be a whole number.")
            if not 0 <= each < len(names):
                raise ParameterError(f"classes contain {each}, but {self.dataset} has 0 to {len(names) - 1}.")
        given = {name: getattr(self, name) for name in COPIED if name in self.model_fields_set}
        settings = StageSettings(
            dataset=dataset,
            classes=chosen,
            class_names=tuple(names[each] for each in chosen),
            attack=self._attack(1),
            evaluation_attack=self._attack(2),
            **{**start.stages, **given},
        )
        settings.architecture(start.input_shape)  # says whether the patches fit
        return ThreeStages(settings)

    def _attack(self, effort: int) -> ClassMeanAttack | Attack:
        """The attack asked for, with `effort` times the steps of PGD."""
        if self.attack.startswith("class-mean"):
            return ClassMeanAttack(self.gap, search=self.attack == "class-mean")
        radius = RADII[self.attack] if self.radius is None else self.radius
        return Attack.pgd("linf" if self.attack == "linf" else "l2", radius, effort * self.attack_steps)


class StageOptions(optional_fields(Asked, StageSettings, COPIED)):  # type: ignore[misc]
    """Look for the theory's three stages on real images: OUT/image_stages.png, standard.nc and adversarial.nc. The
    same command goes on where it was stopped or killed.
    """


class StageJob(Job):
    """A training of the patch network with its records; FOLDER/NAME.npz is written now and then, and gone on with."""

    kind: ClassVar[str] = "stages"

    settings: StageSettings

    def run(self, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> xarray.Dataset:
        """Train and record; Ctrl-C ends it after a step."""
        from cgrosim.images.experiments.stage_training import run_stages, stage_data

        checkpoint = None if folder is None else folder / f"{self.name}.npz"
        return run_stages(self.settings, stage_data(self.settings, data), progress=tell, checkpoint=checkpoint)

    def cost(self, data: Dataset) -> float:
        """The attack costs about four times what a step does; what memory does not hold is refused here, at the start.

        Raises
        ------
        ParameterError
            In one sentence.
        """
        from cgrosim.images.experiments.stage_training import check_memory

        check_memory(self.settings, data)
        return 5.0 if self.settings.adversarial_weight > 0.0 else 1.0

    def status(self, result: xarray.Dataset) -> str:
        """What the run says of itself."""
        return str(result.attrs["status"])

    def message(self, result: xarray.Dataset) -> str:
        """Why it diverged, or where it was interrupted."""
        return str(result.attrs["message"])

    def variables(self) -> tuple[Variable, ...]:
        """Margins, losses and accuracies over steps, and times; what goes by sample or filter is in its own file."""
        from cgrosim.images.experiments.stage_records import TIMES, VARIABLES

        return (
            *(Variable(name, ("step", *dims), "float64", *about) for name, (dims, *about) in VARIABLES.items()
              if set(dims) <= {"class"}),
            *(Variable(name, (), "float64", about, "step") for name, (dims, about) in TIMES.items() if not dims),
        )  # fmt: skip

    def labels(self) -> Mapping[str, Sequence[Any]]:
        """The recorded steps and the classes."""
        from cgrosim.images.experiments.stage_training import record_steps

        steps = record_steps(self.settings.records, self.settings.steps)
        return {"step": steps.tolist(), "class": self.settings.class_names}

    def cell(self, result: xarray.Dataset) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its variables as far as it came."""
        return {each.name: result[each.name].values.astype(float) for each in self.variables()}, {}


class SelfChecks(Measurement):
    """Warnings about a measuring pixel attack on the last network: zero gradients, or a black box that beats it."""

    kind: ClassVar[str] = "checks"

    settings: StageSettings

    def check(self, found: Mapping[str, Any]) -> None:
        """Sentences."""
        if [*found] != ["warnings"] or not all(isinstance(text, str) for text in list(found["warnings"])):
            raise ValueError("its warnings are no sentences")

    def measure(self, data: Dataset, given: Mapping[str, Any], tell: Progress) -> dict[str, Any]:
        """``warnings``."""
        from cgrosim.images.attacks.evaluation import evaluate
        from cgrosim.images.experiments.stage_training import last_network, stage_data

        ((name, run),) = given.items()
        attack, drawn = self.settings.measuring_attack, stage_data(self.settings, data)
        assert isinstance(attack, Attack)
        network, images = last_network(self.settings, drawn, run), drawn.test_images.astype("float32")
        generator = stream(self.settings.seed, StagesStream.CHECKS)
        checked = evaluate(network, images, drawn.test_labels, attack=attack, generator=generator)
        return {"warnings": [f"{name}: {sentence}" for sentence in checked.warnings]}


class ThreeStages(Experiment):
    """Standard and adversarial training of the same start, and which stages each went through."""

    options = StageOptions

    settings: StageSettings = Field(description="of the adversarial training")

    def jobs(self) -> tuple[Job, ...]:
        """Both trainings; the attack along class means is a closed form and needs no check."""
        both = pair(self.settings).items()
        jobs: list[Job] = [StageJob(name=name, settings=settings) for name, settings in both]
        if isinstance(self.settings.measuring_attack, Attack):
            jobs += [SelfChecks(name=f"{name}-checks", needs=(name,), settings=settings) for name, settings in both]
        return tuple(jobs)

    def axes(self, job: Job) -> dict[str, Any]:
        """The training."""
        return {"training": job.needs[0] if job.needs else job.name}

    def conclude(self, results: Mapping[str, Any]) -> Conclusion:
        """The verdicts, the accuracies, the rules, and the courses."""
        from cgrosim.images.experiments.stage_records import STAGES

        runs: dict[str, xarray.Dataset] = {name: results[name] for name in TITLES if name in results}
        if not runs:
            return Conclusion()
        rules = next(iter(runs.values())).attrs["rules"]
        messages = [f"{name}: {run.attrs['message']}" for name, run in runs.items() if run.attrs["message"]]
        checks = [text for name in runs for text in results.get(f"{name}-checks", {"warnings": []})["warnings"]]
        seconds = sum(run.attrs["seconds"] for run in runs.values())
        return Conclusion(
            tables=(_table(runs),),
            warnings=(*messages, *checks),
            sentences=(f"A stage counts as seen by these rules. {rules}", f"trained in {seconds:.1f} s"),
            figures={"image_stages": partial(_draw, runs)},
            datasets={name: (run, STAGES) for name, run in runs.items()},
        )


def accuracies(run: xarray.Dataset) -> str:
    """The four accuracies at the last record, in words."""
    parts = []
    for kind in ("clean", "robust"):
        train, test = (100 * float(run[f"{kind}_{where}_accuracy"][-1]) for where in ("train", "test"))
        parts.append(f"{kind} train {train:.1f}, {kind} test {test:.1f}")
    return ", ".join(parts)


def _table(runs: Mapping[str, xarray.Dataset]) -> Table:
    measured = next(iter(runs.values())).attrs["attack"].partition("; measured by ")[2]
    rows: list[tuple[str, ...]] = []
    for name, run in runs.items():
        for place, verdict in enumerate(json.loads(run.attrs["stages"])):
            seen = "seen" if verdict["seen"] else "not seen"
            rows.append((name if place == 0 else "", verdict["stage"], seen, verdict["reason"]))
        rows.append(("", "accuracy (%)", "", accuracies(run)))
    return Table(f"robust: {measured}", ("training", "stage", "", "measured"), rows)


def _draw(runs: Mapping[str, xarray.Dataset]) -> Figure:
    from cgrosim.figures.image_stages import image_stages_figure

    return image_stages_figure({TITLES[name]: run for name, run in runs.items()})


EXPERIMENT = ThreeStages
