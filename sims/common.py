"""What the experiments share: options, progress, seeds, and the one figure and one JSON file each of them writes."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cgrosim.errors import UserError
from cgrosim.figures import save_figure, style
from cgrosim.files.records import write_record
from cgrosim.files.versions import versions
from cgrosim.interrupts import INTERRUPTED, raising_interrupts
from cgrosim.model.params import Params
from cgrosim.model.streams import replicate_seeds


@dataclass
class Experiment:
    """One call of a script: where to write, how large, from which seed.

    Attributes
    ----------
    name : stem of the figure and of the JSON file
    question : first line of the script's docstring
    workers : processes asked for, by the scripts that can share out their runs; None is this one alone
    networks : where the trainings are kept that take several sittings
    """

    name: str
    question: str
    out: Path
    toy: bool
    seed: int
    workers: int | None = None
    networks: Path = Path()
    began: float = field(default_factory=time.perf_counter)

    def choose(self, full: Any, toy: Any) -> Any:
        """Return a constant of the experiment, or its value for the version of a few seconds."""
        return toy if self.toy else full

    def seeds(self, count: int) -> list[int]:
        """Independent seeds, the same ones every time."""
        return replicate_seeds(self.seed, count)

    def track(self, items: Iterable[Any], label: str = "") -> Iterator[Any]:
        """Yield the items and say on standard error how far the work is and how long it will take."""
        work = list(items)
        began = time.perf_counter()
        for done, item in enumerate(work):
            spent = time.perf_counter() - began
            left = f", about {spent / done * (len(work) - done):.0f} s left" if done else ""
            print(f"\r{self.name}: {label} {done}/{len(work)}{left}      ", end="", file=sys.stderr, flush=True)
            yield item
        print(f"\r{self.name}: {label} {len(work)}/{len(work)}{' ' * 30}", file=sys.stderr)

    def watch(self, state: Any) -> None:
        """Say on standard error how far a sweep is."""
        print(
            f"\r{self.name}: {state}      ", end="\n" if state.status != "running" else "", file=sys.stderr, flush=True
        )

    def telling(self, label: str) -> Callable[[str, float], None]:
        """What says on standard error how far a piece of work is."""

        def tell(what: str, share: float) -> None:
            print(f"\r{self.name}: {label}, {share:6.1%}  {what}{' ' * 20}", end="", file=sys.stderr, flush=True)

        return tell

    @contextmanager
    def figure(self, width: float, height: float, title: str = "") -> Iterator[Any]:
        """Yield an empty figure of that many inches in the project's style, and save it as PNG at the end."""
        with style.styled():
            figure = style.new_figure(width, height)
            if title:
                figure.suptitle(title, x=0.01, ha="left", fontsize=style.FONT + 1)
            yield figure
            save_figure(figure, self.out / f"{self.name}.png", dpi=self.choose(150.0, 50.0))

    def write(self, params: Mapping[str, Params], seeds: Sequence[int], numbers: Mapping[str, Any]) -> dict[str, Any]:
        """Write the JSON file: parameters, attacks, seeds, versions and the measured numbers; return what it holds."""
        described = {label: p.model_dump(mode="json") for label, p in params.items()}
        attacks = {label: p.attack_description for label, p in params.items()}
        return self.write_described(described, attacks, seeds, numbers)

    def write_described(
        self, params: Mapping[str, Any], attacks: Mapping[str, str], seeds: Sequence[int], numbers: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Write the JSON file of an experiment whose parameters are plain values already, as `write` does."""
        content = {
            "experiment": self.name,
            "question": self.question,
            "toy": self.toy,
            "params": plain(params),
            "attack": dict(attacks),
            "seeds": list(seeds),
            "versions": versions(),
            "seconds": round(time.perf_counter() - self.began, 2),
            "numbers": plain(numbers),
        }
        write_record(self.out / f"{self.name}.json", content)
        print(f"{self.out / self.name}.png and .json ({content['seconds']:.0f} s)")
        return content


def start(
    script: str, doc: str | None, argv: Sequence[str] | None, parallel: bool = False, networks: bool = False
) -> Experiment:
    """Read the options every script has, the number of workers where its runs can be shared out, and where it keeps
    its networks where they are not to lie beside the results.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results"), help="directory of the figure and the JSON file")
    parser.add_argument("--toy", action="store_true", help="a version of a few seconds: shows the steps, not the point")
    parser.add_argument("--seed", type=int, default=0, help="seed every draw is spawned from")
    if parallel:
        parser.add_argument("--workers", type=int, help="processes that share the runs (default: none beside this)")
    if networks:
        parser.add_argument(
            "--networks", type=Path, help="directory of the trainings (default: OUT and the script's name)"
        )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed is {options.seed}, but must be at least 0")
    question = (doc or "").splitlines()[0]
    workers = options.workers if parallel else None
    name = Path(script).stem
    place = (options.networks if networks else None) or options.out / name
    return Experiment(name, question, options.out, options.toy, options.seed, workers, place)


def together(name: str, cells: Iterable[Params]) -> tuple[Params, dict[tuple[str, ...], list[tuple[Any, ...]]]]:
    """What `cgrosim.sweep` takes to run these cells: the first of them, and all they differ in, varied together."""
    first, *others = cells
    differing = {field for cell in others for field in cell.differences(first)} - {"perturbation_radius", name}
    names = (name, *sorted(differing))
    return first, {names: [tuple(getattr(cell, field) for field in names) for cell in (first, *others)]}


def plain(value: Any) -> Any:
    """Turn arrays into lists and what never happened (nan, infinity) into null, so that JSON holds finite numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def run_images(experiment: Any, data: Any, folder: Path, workers: int | None = None) -> dict[str, Any]:
    """Results of an experiment on images, by name; what was done before is taken up, and Ctrl-C ends the script."""
    from cgrosim.executors.choice import executor_for
    from cgrosim.images.experiments.runner import run_experiment

    def tell(what: str, share: float) -> None:
        print(f"\r{share:6.1%}  {what}{' ' * 20}", end="", file=sys.stderr, flush=True)

    with executor_for(workers, None) as executor:
        outcome = run_experiment(
            experiment, data, folder, progress=tell, executor=None if workers is None else executor
        )
    print(file=sys.stderr)
    if outcome.status == "interrupted":
        raise KeyboardInterrupt
    if outcome.messages:
        raise UserError(" ".join(outcome.messages))
    return outcome.results


def run_script(main: Callable[[], Any]) -> None:
    """Run a script; a user's mistake is one sentence and exit status 2, and Ctrl-C draws no figure of half its runs."""
    try:
        with raising_interrupts():
            main()
    except KeyboardInterrupt:
        print("Interrupted; nothing was drawn.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
