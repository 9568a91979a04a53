"""A newcomer's data set is one module and its defaults, an experiment one module and its figure."""

import json
import sys
import textwrap

import pytest

from cgrosim import figures
from cgrosim.commands.main import main
from cgrosim.images.data import sets
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments import catalogue
from cgrosim.images.experiments.job_table import load_table
from cgrosim.images.experiments.registry import all_experiments
from cgrosim.images.training.defaults import DEFAULTS, Defaults, default_settings

STRIPES = '''
"""Horizontal and vertical stripes."""

import numpy as np

from cgrosim.images.data.raw_files import RawData, Split
from cgrosim.images.data.sources import DataSource


def _read(data_dir, progress):
    generator = np.random.default_rng(0)

    def part(count):
        labels = np.arange(count, dtype=np.uint8) % 2
        images = generator.integers(0, 40, (count, 8, 8, 1), dtype=np.uint8)
        images[labels == 0, ::2] += 200
        images[labels == 1, :, ::2] += 200
        return Split(images, labels)

    return RawData(part(60), part(40))


SOURCE = DataSource("stripes", ("across", "down"), 255, _read)
'''
BRIGHTNESS = '''
"""How bright are the images of every class?"""

from functools import partial

import numpy as np
from pydantic import Field

from cgrosim.images.experiments.experiment import Conclusion, Experiment, Measurement, Options, Table


class Asked(Options):
    """Measure the brightness of every class."""

    dataset: str = Field("digits", description="data set")
    power: float = Field(1.0, gt=0, description="of the mean")

    def experiment(self):
        return Brightness(self.power)


class Mean(Measurement):
    """The mean of one class, to a power."""

    label: int
    power: float

    def measure(self, data, given, tell):
        tell("looking", 0.5)
        return {"mean": float(np.mean(data.train_images[data.train_labels == self.label]) ** self.power)}


class Brightness(Experiment):
    """The mean brightness of two classes."""

    options = Asked
    power: float

    def jobs(self):
        return tuple(Mean(name=f"class{k}", label=k, power=self.power) for k in (0, 1))

    def conclude(self, results):
        from cgrosim.figures.brightness import brightness_figure

        means = {name: each["mean"] for name, each in results.items()}
        rows = [(name, f"{mean:.2f}") for name, mean in means.items()]
        return Conclusion(
            tables=(Table("brightness", ("class", "mean"), rows),),
            sentences=(f"{len(means)} classes",),
            figures={"brightness": partial(brightness_figure, means)},
            records={"brightness": means},
        )


EXPERIMENT = Brightness
'''
FIGURE = '''
"""Bars."""

from cgrosim.figures import style


def brightness_figure(means):
    figure = style.new_figure(4.0, 3.0)
    figure.subplots().bar(list(means), list(means.values()))
    return figure
'''


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """Write a module of a room where Python finds it, forgotten afterwards."""
    written = []

    def write(room, name, text):
        folder = tmp_path / room.__name__
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.setattr(room, "__path__", [*room.__path__, str(folder)])
        written.append((room, name))

    yield write
    for room, name in written:
        sys.modules.pop(f"{room.__name__}.{name}", None)
        if hasattr(room, name):
            delattr(room, name)


@pytest.fixture
def stripes(newcomer, monkeypatch):
    """A data set: its module, and its defaults."""
    newcomer(sets, "stripes", STRIPES)
    training = {"subset": 20, "validation": 10, "epochs": 2, "batch_size": 10, "learning_rate": 0.02}
    start = Defaults((8, 8, 1), 2, "lenet", 1, 0.1, 0.5, training, {"samples": 20, "steps": 20, "records": 3})
    monkeypatch.setitem(DEFAULTS, "stripes", start)


def test_a_data_set_is_one_module_and_its_defaults(stripes, tmp_path, capsys):
    data = load_dataset("stripes")
    assert (data.input_shape, data.classes, len(data.test_labels)) == ((8, 8, 1), 2, 40)
    assert default_settings("stripes").epochs == 2
    tiny = ["--dataset", "stripes", "--evaluation-samples", "20", "--attack-steps", "1", "--evaluation-steps", "1"]
    assert main(["images", "train", *tiny, "--restarts", "1", "--out", str(tmp_path / "out")]) == 0
    assert "test images" in capsys.readouterr().out
    assert main(["images", "stages", "--dataset", "stripes", "--out", str(tmp_path / "stages")]) == 0
    with pytest.raises(SystemExit) as stop:
        main(["images", "train", "--help"])
    assert stop.value.code == 0
    assert "stripes" in capsys.readouterr().out


def test_an_experiment_is_one_module_and_a_figure(newcomer, tmp_path, capsys, monkeypatch):
    newcomer(catalogue, "brightness", BRIGHTNESS)
    newcomer(figures, "brightness", FIGURE)
    assert "brightness" in all_experiments()
    command = ["images", "brightness", "--power", "2", "--out", str(tmp_path)]
    assert main(command) == 0
    assert "2 classes" in capsys.readouterr().out
    told = json.loads((tmp_path / "brightness.json").read_text())
    assert 0.0 < told["class0"] < 1.0
    assert (tmp_path / "brightness.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert load_table(tmp_path).data["mean"].values.tolist() == [told["class0"], told["class1"]]
    from cgrosim.images.experiments.catalogue import brightness

    monkeypatch.setattr(brightness.Mean, "measure", None)  # what was measured is not measured again
    assert main(command) == 0
    assert main(["images", "brightness", "--power", "0", "--out", str(tmp_path)]) == 2
    assert "power is 0, but must be positive." in " ".join(capsys.readouterr().err.split())


def test_the_old_name_works_with_one_line_of_notice(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["vision", "train", "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr()
    assert " ".join(shown.err.split()) == (
        "cgrosim: 'cgrosim vision' is called 'cgrosim images' now; the old name still works."
    )
    assert "usage: cgrosim images" in shown.out
