"""One small file of every format that cgrosim reads, and how it is read."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from experiment_cases import CAPACITY
from image_files import cifar_bytes, some_images, some_labels, write_idx_folder
from small_trainings import small_dataset
from work import COMMANDS, RUNS, experiment, params_of

import cgrosim

FEW = 25


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes
    ----------
    suffix : of such a file's name
    content : of a whole one
    read : from a path to a digest of all that was read
    sealed : whether the file carries a checksum, so that a change must be noticed
    together : how many files a campaign tries in a turn; few where reading goes on with work
    """

    suffix: str
    content: bytes
    read: Callable[[Path], str]
    sealed: bool = True
    together: int = 100


def digest(*values: Any) -> str:
    """Of arrays, datasets and plain values."""
    found = hashlib.sha256()
    for value in values:
        if hasattr(value, "data_vars"):
            value = {str(n): np.asarray(value[n].values) for n in value.variables} | {"attrs": dict(value.attrs)}
        if isinstance(value, dict):
            found.update(digest(*(each for name in sorted(map(str, value)) for each in (name, value[name]))).encode())
        elif isinstance(value, np.ndarray) and value.dtype.kind not in "OU":
            found.update(f"{value.dtype.str} {value.shape}".encode() + value.tobytes())
        else:
            found.update((repr(value.tolist()) if isinstance(value, np.ndarray) else repr(value)).encode())
    return found.hexdigest()


def all_formats(place: Path) -> dict[str, Format]:
    """By name; makes what it needs below `place`."""
    return {**_of_runs(place), **_of_images(place), **_of_sweeps(place / "sweep"), **_of_others(place)}


def _of_runs(place: Path) -> dict[str, Format]:
    from cgrosim.run.checkpoint import load_checkpoint

    def checkpoint(path: Path) -> str:
        found = load_checkpoint(path)
        return digest(found.params.model_dump_json(), found.plan, found.records, found.state, found.seconds)

    def run(path: Path) -> str:
        found = cgrosim.load(path)
        return digest(found.data, found.params.model_dump_json())

    formats = {}
    for name in RUNS:
        params = params_of(name).replace(steps=20)
        done = cgrosim.simulate(params, checkpoint=place / "state.npz")
        formats[f"checkpoint, {name}"] = Format(".npz", (place / "state.npz").read_bytes(), checkpoint)
        (place / "state.npz").unlink()
    start = cgrosim.simulate(params_of("direct").replace(steps=20)).start
    done = cgrosim.simulate(params_of("direct").replace(steps=20), start=start)
    formats["run.nc, with its start"] = Format(".nc", done.save(place / "run.nc").read_bytes(), run)
    return formats


def _of_images(place: Path) -> dict[str, Format]:
    from cgrosim.images.experiments.landscape_file import load as landscape
    from cgrosim.images.experiments.results import first_format
    from cgrosim.images.experiments.runner import run_experiment
    from cgrosim.images.experiments.stage_records import load as stages
    from cgrosim.images.experiments.stage_settings import StageSettings
    from cgrosim.images.training.file import Training

    folders = {}
    for name in sorted({*COMMANDS} - {"capacity"}):  # whose files are trainings and measurements
        folders[name] = place / name
        assert experiment(name, folders[name]) == 0
    folders["table"] = place / "table"
    run_experiment(CAPACITY, small_dataset(), folders["table"])

    def training(path: Path) -> str:
        found = Training.load(path)
        arrays = [
            found.history,
            found.last,
            found.velocity,
            found.best,
            {str(k): v for k, v in found.snapshots.items()},
        ]
        return digest(found.settings.dump(), found.status, found.best_epoch, found.data, *arrays)

    first, job = _measurement_of_the_first_format(place)

    def measurement(path: Path) -> str:
        folder = place / "first format"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "measured").mkdir(parents=True)
        shutil.copy(path, folder / "measured" / f"{job.name}-{job.digest()}.npz")
        found = first_format(folder, job, "data", {})
        return digest("of other work") if found is None else digest(found)

    def among(name: Path) -> Callable[[Path], str]:
        """The files of a table are read by going on with its experiment: what does not fit its mark is found again."""

        def goes_on(path: Path) -> str:
            copy = place / "goes on with the experiment"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folders["table"], copy)
            shutil.copy(path, copy / name.relative_to(folders["table"]))
            found = run_experiment(CAPACITY, small_dataset(), copy)
            return digest(found.table.data.drop_vars("seconds").drop_attrs())

        return goes_on

    cells = folders["table"] / "cells.zarr" / "final_clean_test" / "c"
    chunks = [each for each in cells.rglob("*") if each.is_file()]
    table = {
        "plan of a table": folders["table"] / "plan.json",
        "mark of a job": sorted((folders["table"] / "marks").iterdir())[1],
        "cells of a table": chunks[0],
    }

    def goes_on(path: Path) -> str:
        """A checkpoint of the stages is only read by going on with it."""
        folder = place / "goes on"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        from cgrosim.images.data.datasets import load_dataset
        from cgrosim.images.experiments.stage_training import run_stages, stage_data

        asked = StageSettings.load(json.loads(stages(folders["stages"] / "adversarial.nc").attrs["params"]))
        shutil.copy(path, folder / "adversarial.npz")
        found = run_stages(asked, stage_data(asked, load_dataset("digits")), checkpoint=folder / "adversarial.npz")
        return digest(found.drop_attrs())

    def of(folder: str, name: str) -> bytes:
        return (folders[folder] / name).read_bytes()

    return {
        "training": Format(".npz", of("train", "adversarial.npz"), training),
        "measurement of the first format": Format(".npz", first, measurement),
        **{n: Format(p.suffix, p.read_bytes(), among(p), together=FEW) for n, p in table.items()},
        "stages, checkpoint": Format(".npz", of("stages", "adversarial.npz"), goes_on, together=FEW),
        "stages.nc": Format(".nc", of("stages", "adversarial.nc"), lambda path: digest(stages(path))),
        "landscape.nc": Format(".nc", of("landscape", "landscape.nc"), lambda path: digest(landscape(path))),
    }


def _measurement_of_the_first_format(place: Path) -> tuple[bytes, Any]:
    from cgrosim.files.archive import write_archive
    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.experiments.accuracies import Accuracies
    from cgrosim.images.experiments.results import RESULT
    from cgrosim.images.training.final import FinalAccuracies

    job = Accuracies(name="a", attack=Attack.pgd("linf", 0.1, 2), selected=False)
    shares = dict.fromkeys(("clean_train", "robust_train", "clean_test", "robust_test"), 0.5)
    row = FinalAccuracies(selected="last", epoch=4, attack="none", **shares, train_samples=30, test_samples=30,
                          collapsed=False)  # fmt: skip
    header = {"key": {"job": job.dump(), "data": "data", "given": {}}, "values": {"rows": [row.dump()]}}
    return write_archive(place / "first.npz", RESULT, header, {}).read_bytes(), job


def _of_sweeps(folder: Path) -> dict[str, Format]:
    """The files of a sweep are read by going on with it: what does not fit its mark is run again."""
    table = cgrosim.sweep(params_of("reduced").replace(steps=20), {"gap": [0.01, 0.1, 0.3]}, out=folder)
    table.to_netcdf(folder / "table.nc")
    chunks = [path for path in (folder / "cells.zarr" / "clean_loss" / "c").rglob("*") if path.is_file()]
    mark = next((folder / "marks").iterdir())

    def among(name: Path) -> Callable[[Path], str]:
        def goes_on(path: Path) -> str:
            copy = folder.with_name("goes on with the sweep")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            shutil.copy(path, copy / name.relative_to(folder))
            found = cgrosim.sweep(params_of("reduced").replace(steps=20), {"gap": [0.01, 0.1, 0.3]}, out=copy)
            return digest(found.data.drop_attrs())

        return goes_on

    files = {"plan of a sweep": folder / "plan.json", "mark of a sweep": mark, "cells of a sweep": chunks[0]}
    formats = {name: Format(path.suffix, path.read_bytes(), among(path), together=FEW) for name, path in files.items()}
    whole = (folder / "table.nc").read_bytes()
    formats["table.nc"] = Format(".nc", whole, lambda path: digest(cgrosim.load_table(path).data))
    return formats


def _lesson(params: cgrosim.Params) -> bytes:
    """As the classroom's page exports it."""
    from cgrosim.classroom.generator import draw_start

    start = draw_start(params)
    content = {
        "kind": "cgrosim-lesson",
        "version": 1,
        "parameters": json.loads(params.model_dump_json(exclude_none=True)),
    }
    return json.dumps({**content, "signal": start.signal.tolist()}).encode()


def _beside(path: Path, folder: Path, name: str) -> Path:
    """A folder with a file under the name that it is read by."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder / name)
    return folder


def _of_others(place: Path) -> dict[str, Format]:
    from cgrosim.claims.claim import Context
    from cgrosim.claims.power import Noticed
    from cgrosim.claims.registry import all_claims
    from cgrosim.claims.report.data import lasting, strict, verdict_data
    from cgrosim.claims.report.power import Sitting, write_power
    from cgrosim.claims.report.reading import still_valid
    from cgrosim.claims.report.writing import write_report
    from cgrosim.claims.runner import verify
    from cgrosim.classroom.lesson import read_lesson
    from cgrosim.commands.experiment_folder import WORK
    from cgrosim.files.records import read_record
    from cgrosim.images.data.cifar import read_batch
    from cgrosim.images.data.idx import read_images, read_labels

    claim = all_claims()["yarotsky-squares"]

    def toml(path: Path) -> str:
        return digest(cgrosim.Params.from_toml(path).model_dump_json())

    def lesson(path: Path) -> str:
        found = read_lesson(path)
        return digest(found.params.model_dump_json(), found.start.gram, found.start.signal)

    def report(path: Path) -> str:
        folder = _beside(path, place / "report read", "verdicts.json")
        found = still_valid(folder, [claim], Context())
        told = {name: lasting(strict(verdict_data(verdict))) for name, verdict in found.items()}
        return digest(json.dumps(told, sort_keys=True))

    def power(path: Path) -> str:
        sitting = Sitting.read(_beside(path, place / "power read", "power.json"))
        return digest(repr(sitting))

    write_report(verify([claim], Context(), workers=1), place / "report")
    write_power({claim.name: {"gap": Noticed("gap", 0.01, None, 0.0, 5)}}, Context(), place / "report", {})
    idx = write_idx_folder(place / "idx")
    images, labels = (next(content for stem, content in idx.items() if kind in stem) for kind in ("images", "labels"))
    batch = cifar_bytes(some_images(20, (32, 32, 3)), some_labels(20))
    return {
        "experiment.json": Format(
            ".json", (place / "train" / "experiment.json").read_bytes(), lambda path: digest(read_record(path, WORK))
        ),
        "verdicts.json": Format(".json", (place / "report" / "verdicts.json").read_bytes(), report),
        "power.json": Format(".json", (place / "report" / "power.json").read_bytes(), power),
        "parameters in TOML": Format(".toml", params_of("direct").to_toml().encode(), toml, sealed=False),
        "lesson": Format(".json", _lesson(params_of("flow")), lesson, sealed=False),
        "images in IDX": Format("", images, lambda path: digest(read_images(path)), sealed=False),
        "images in IDX, packed": Format(
            ".gz", gzip.compress(images, mtime=0), lambda path: digest(read_images(path)), sealed=False
        ),
        "labels in IDX": Format("", labels, lambda path: digest(read_labels(path)), sealed=False),
        "batch of CIFAR-10": Format(".bin", batch, lambda path: digest(*vars(read_batch(path)).values()), sealed=False),
    }
