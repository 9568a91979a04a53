"""A trained network looked at: which one, on which images, what it confuses, what attacks leave, and as ONNX."""

import json

import numpy as np
import pytest
from own_images import striped_images

from cgrosim.commands.main import main
from cgrosim.errors import FileError, ParameterError
from cgrosim.images import (
    Architecture,
    Attack,
    Convolution,
    FixedReadout,
    FullyConnected,
    MaxPool,
    Power,
    ReLU,
    SumPositions,
    attack_table,
    default_settings,
    examples_of,
    export_onnx,
    inspect_network,
    load_dataset,
    onnx_logits,
    open_network,
    patch_network,
    train,
    worst_case,
)
from cgrosim.images.inspection.errors import class_probabilities, first_filters
from cgrosim.images.network.layers import initial_parameters
from cgrosim.images.network.reference import ReferenceNetwork

LAYERS = (Convolution(4, 3, padding=1), ReLU(), MaxPool(), FullyConnected(2))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Images and a network trained on them for two epochs, in files."""
    place = tmp_path_factory.mktemp("trained")
    images, labels = striped_images(80)
    np.savez(place / "my.npz", images=images, labels=labels, class_names=np.array(["across", "down"]))
    settings = default_settings(
        place / "my.npz", architecture=Architecture("own", (8, 8, 1), LAYERS), epochs=2, batch_size=20, attack_steps=1,
        evaluation_steps=2, snapshots=(0, 1), radius=0.1,
        averaging="ema:0.9",
    )  # fmt: skip
    train(settings, checkpoint=place / "net.npz")
    return place


@pytest.fixture(scope="module")
def subject(trained):
    """The last network."""
    return open_network(trained / "net.npz")


def test_which_network_is_taken(trained, subject):
    assert (subject.epoch, subject.same_data) == (2, True)
    first = open_network(trained / "net.npz", which="1")
    for name, values in subject.training.snapshots[1].items():
        np.testing.assert_array_equal(first.network.parameters()[name], values)
    assert open_network(trained / "net.npz", which="selected").epoch == subject.training.best_epoch
    averaged = open_network(trained / "net.npz", which="averaged").network.parameters()
    for name, values in averaged.items():
        np.testing.assert_array_equal(values, subject.training.averaged[name].astype(np.float32))
    with pytest.raises(ParameterError, match=r"which is '7', but this training has last, selected, averaged, 0, 1\."):
        open_network(trained / "net.npz", which="7")


def test_images_that_changed_have_to_be_named(trained, subject, tmp_path, capsys):
    images, labels = striped_images(80)
    place = tmp_path / "other.npz"
    np.savez(place, images=255 - images, labels=labels)
    other = open_network(trained / "net.npz", place)
    assert not other.same_data
    assert other.numbers()["data"] == load_dataset(place).digest != other.numbers()["trained_on"]
    with pytest.raises(ParameterError, match="takes images of"):
        open_network(trained / "net.npz", "digits")
    kept = (trained / "my.npz").read_bytes()
    try:
        (trained / "my.npz").write_bytes(place.read_bytes())
        with pytest.raises(FileError, match="was trained on other images than"):
            open_network(trained / "net.npz")
        named = ["--dataset", str(trained / "my.npz"), "--mistakes", "0", "--out", str(tmp_path / "show")]
        assert main(["images", "show", str(trained / "net.npz"), *named]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert "on other images, also called" in told, told
    finally:
        (trained / "my.npz").write_bytes(kept)


def test_confusion_and_mistakes_are_those_of_the_logits(subject):
    found = inspect_network(subject, mistakes=3)
    logits = subject.network.logits(subject.data.test_images)
    predicted, labels = logits.argmax(axis=1), subject.data.test_labels
    for row in range(2):
        for column in range(2):
            assert found.confusion[row, column] == np.sum((labels == row) & (predicted == column))
    assert found.accuracy == np.mean(predicted == labels)
    first = open_network_of(subject, which="0")  # before any training: plenty of mistakes
    found = inspect_network(first, mistakes=3)
    probabilities = class_probabilities(first.network, first.data.test_images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != first.data.test_labels)
    surest = np.sort(probabilities[wrong, predicted[wrong]])[::-1][: len(found.mistakes)]
    assert len(found.mistakes) == min(3, len(wrong)) > 0
    np.testing.assert_array_equal([each.probability for each in found.mistakes], surest)
    assert all(each.label != each.predicted for each in found.mistakes)


def open_network_of(subject, which):
    """The same training at another epoch."""
    from cgrosim.images.inspection.subject import TrainedNetwork, chosen_parameters
    from cgrosim.images.training.train import new_network

    epoch, parameters = chosen_parameters(subject.training, which)
    network = new_network(subject.training.settings.architecture, parameters)
    return TrainedNetwork(subject.training, epoch, network, subject.data)


def test_the_filters_are_the_first_weights():
    generator = np.random.default_rng(0)
    convolution = Architecture("c", (6, 6, 3), (Convolution(5, 3), FullyConnected(2)))
    weights = initial_parameters(convolution, generator)
    np.testing.assert_array_equal(first_filters(convolution, weights), weights["layer0.weight"])
    dense = Architecture("d", (4, 5, 3), (FullyConnected(7), ReLU(), FullyConnected(2)))
    weights = initial_parameters(dense, generator)
    assert first_filters(dense, weights)[2, 3, 1, 4] == weights["layer0.weight"][(2 * 5 + 3) * 3 + 1, 4]
    patches = patch_network((4, 4, 3), 2, 6, classes=3)
    weights = initial_parameters(patches, generator)
    assert first_filters(patches, weights)[1, 0, 2, 5] == weights["layer0.weight"][0, 0, (1 * 2 + 0) * 3 + 2, 5]
    hidden = Architecture("h", (4, 4, 1), (MaxPool(), FullyConnected(2)))
    with pytest.raises(ParameterError, match="does not look at pixels"):
        first_filters(hidden, initial_parameters(hidden, generator))


def test_the_table_holds_every_attack_and_the_worst_of_them(subject):
    table = attack_table(subject, samples=12, radius=0.15)
    assert len(table.places) == 12
    margins = np.array([each.margins for each in table.tried])
    np.testing.assert_array_equal(table.worst.margins, margins.min(axis=0))
    assert (margins <= table.clean_margins).all()
    images, labels = subject.data.test_images[table.places], subject.data.test_labels[table.places]
    assert np.abs(table.adversarial - images).max() <= 0.15 + 1e-6
    reached = subject.network.logits(table.adversarial).astype(np.float64)
    own = reached[np.arange(12), labels]
    reached[np.arange(12), labels] = -np.inf
    np.testing.assert_allclose(own - reached.max(axis=1), table.worst.margins, rtol=1e-5, atol=1e-6)
    for place in range(len(table.tried)):
        others = np.delete(margins, place, axis=0).min(axis=0)
        assert table.only(place) == np.sum((others > 0) & (margins[place] <= 0))
    words = [each.attack.split(",")[0] for each in table.tried]
    assert words == ["linf FGSM", "linf PGD-20", "linf APGD-CE", "linf Square Attack"]  # of two classes
    again = attack_table(subject, samples=12, radius=0.15)
    assert again.numbers() == table.numbers()
    with pytest.raises(ParameterError, match=r"all in linf within 0\.1; give norm and radius"):
        attack_table(subject, attacks=[Attack.fgsm(0.2)])
    weak = worst_case(subject.network, images, labels, attack=Attack.fgsm(0.15), generator=np.random.default_rng(0))
    np.testing.assert_array_equal(weak.margins, table.tried[0].margins)


def test_examples_are_broken_ones_first_and_of_every_class(subject):
    table = attack_table(subject, samples=12, radius=0.3)
    examples = examples_of(subject, table, 12)
    state = []
    for each in examples:
        right = each.clean_probabilities.argmax() == each.label
        broken = each.attacked_probabilities.argmax() != each.label
        state.append(0 if right and broken else 1 if right else 2)
    assert state == sorted(state)
    assert len({each.place for each in examples}) == 12
    for group in set(state):  # in turn: no class a second time before every class was there once
        labels = [each.label for each, its in zip(examples, state, strict=True) if its == group]
        assert len({*labels[: len({*labels})]}) == len({*labels})
    assert examples_of(subject, table, 0) == ()


NETWORKS = [
    Architecture(
        "convolutions",
        (7, 6, 3),
        (
            Convolution(3, 3, padding=1),
            ReLU(),
            MaxPool(),
            Convolution(4, 2, bias=False),
            Power(2),
            FullyConnected(5),
            ReLU(),
            FullyConnected(3, bias=False),
        ),
    ),
    Architecture("patches", (6, 4, 3), (Convolution(4, 1, bias=False), Power(3), SumPositions(), FixedReadout(2)), 2),
    Architecture("sum", (4, 4, 1), (Convolution(4, 1), FixedReadout(2, "signed_sum"))),
    Architecture("behind", (3, 4, 2), (FullyConnected(6), ReLU(), Convolution(3, 2, padding=1), FullyConnected(2))),
    Architecture("one position", (3, 4, 2), (FullyConnected(6), SumPositions(), Power(4), FullyConnected(2))),
]


@pytest.mark.parametrize("architecture", NETWORKS, ids=lambda each: each.name)
def test_onnx_runtime_finds_the_same_logits(architecture, tmp_path):
    """Both round in float32: products of at most 42 terms and sums of them err by less than 1e-5 of their size."""
    pytest.importorskip("onnx", reason="needs the onnx extra")
    pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
    generator = np.random.default_rng(0)
    parameters = initial_parameters(architecture, generator)
    for name, values in parameters.items():
        if name.endswith("bias"):
            values += generator.normal(size=values.shape).astype(np.float32)
    images = generator.random((5, *architecture.input_shape), dtype=np.float32)
    path = export_onnx(tmp_path / "net.onnx", architecture, parameters, about={"epoch": 3})
    wanted = ReferenceNetwork(architecture, parameters).logits(images)
    np.testing.assert_allclose(onnx_logits(path, images), wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert (
        path.read_bytes()
        == export_onnx(tmp_path / "again.onnx", architecture, parameters, about={"epoch": 3}).read_bytes()
    )


def test_what_is_no_onnx_file_is_one_sentence(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
    (tmp_path / "x.onnx").write_text("no")
    with pytest.raises(FileError, match="cannot be run by ONNX Runtime"):
        onnx_logits(tmp_path / "x.onnx", np.zeros((1, 2, 2, 1), np.float32))


def test_show_and_attack_write_what_they_print(trained, tmp_path, capsys):
    file = str(trained / "net.npz")
    assert main(["images", "show", file, "--out", str(tmp_path / "show"), "--mistakes", "2"]) == 0
    printed = capsys.readouterr().out
    told = json.loads((tmp_path / "show" / "show.json").read_text())
    assert told["data"] == load_dataset(trained / "my.npz").digest
    assert f"clean accuracy {100 * told['accuracy']:.1f} % of 16 test images" in " ".join(printed.split())
    names = ["confusion.png", "filters.png", "mistakes.png", "show.json"]
    assert sorted(path.name for path in (tmp_path / "show").iterdir()) == names
    out, few = ["--out", str(tmp_path / "attack")], ["--queries", "20"]
    assert main(["images", "attack", file, "--samples", "6", "--images", "2", "--radius", "1/10", *few, *out]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    told = json.loads((tmp_path / "attack" / "attack.json").read_text())
    assert (told["samples"], told["radius"], told["norm"]) == (6, 0.1, "linf")
    for row in told["attacks"]:
        assert f"{100 * row['accuracy']:.1f}" in printed
    assert sorted(path.name for path in (tmp_path / "attack").iterdir()) == ["attack.json", "attack.png"]
    assert main(["images", "attack", file, *out]) == 2
    assert "exists already" in " ".join(capsys.readouterr().err.split())


def test_export_writes_a_file_beside_the_network(trained, tmp_path, capsys):
    pytest.importorskip("onnx", reason="needs the onnx extra")
    out = tmp_path / "net.onnx"
    assert main(["images", "export", str(trained / "net.npz"), "--to", "onnx", "--out", str(out)]) == 0
    assert "images (n, 1, 8, 8), float32 in [0, 1], to logits (n, 2)" in " ".join(capsys.readouterr().out.split())
    assert out.exists()
    assert main(["images", "export", str(trained / "net.npz"), "--out", str(out)]) == 2


def test_without_onnx_it_says_what_to_install(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    assert main(["images", "export", str(trained / "net.npz"), "--out", str(tmp_path / "x.onnx")]) == 2
    assert "pip install '.[onnx]' in the checkout" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "none.npz"], "none.npz"),
        (["show", "NET", "--which", "9"], "which is '9', but this training has"),
        (["show", "NET", "--mistakes", "-1"], "mistakes is -1"),
        (["show", "NET", "--dataset", "digits"], "give images that fit it"),
        (["attack", "NET", "--radius", "a"], "radius is 'a'"),
        (["attack", "NET", "--radius", "7"], "radius is 7"),
        (["attack", "NET", "--norm", "l2"], "knows a radius in linf; give a radius"),
        (["attack", "NET", "--samples", "0"], "samples is 0"),
        (["attack", "NET", "--queries", "0"], "queries is 0"),
        (["attack", "NET", "--images", "-1"], "the number of images is -1"),
        (["attack", "NET", "--seed", "-1"], "seed is -1"),
        (["export", "none.npz"], "none.npz"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(arguments, told, trained, tmp_path, capsys):
    given = [str(trained / "net.npz") if each == "NET" else each for each in arguments]
    out = [] if given[0] == "export" else ["--out", str(tmp_path / "out")]
    few = ["--samples", "2", "--queries", "2"] if "--images" in given else []
    assert main(["images", *given, *few, *out]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert told in error
    assert "Traceback" not in error
