"""A network of one's own from a TOML file, and what is refused in one sentence."""

import numpy as np
import pytest

from cgrosim.errors import FileError, ParameterError
from cgrosim.images import Architecture, Convolution, FullyConnected, MaxPool, ReLU, default_settings
from cgrosim.images.network.files import read_network
from cgrosim.images.network.layers import initial_parameters
from cgrosim.images.network.network import Network
from cgrosim.images.network.reference import ReferenceNetwork

WHOLE = """
name = "mine"

[[layers]]
layer = "Convolution"
filters = 16
size = 3
padding = 1

[[layers]]
layer = "ReLU"

[[layers]]
layer = "MaxPool"

[[layers]]
layer = "FullyConnected"
"""


def written(path, text):
    path.write_text(text)
    return path


def test_it_is_the_network_that_is_described(tmp_path):
    layers = (Convolution(16, 3, padding=1), ReLU(), MaxPool(), FullyConnected(4))
    network = read_network(written(tmp_path / "x.toml", WHOLE), (8, 6, 3), 4)
    assert network == Architecture("mine", (8, 6, 3), layers)
    assert default_settings("digits", architecture=read_network(tmp_path / "x.toml", (8, 8, 1), 10)).epochs == 60


def test_the_patch_network_can_be_described(tmp_path):
    text = 'patch = 4\nlayers = [{layer = "Convolution", filters = 6, size = 1, bias = false, initial_scale = 0.1},\n'
    text += '{layer = "Power"}, {layer = "SumPositions"}, {layer = "FixedReadout"}]'
    network = read_network(written(tmp_path / "x.toml", text), (8, 8, 1), 3)
    assert (network.name, network.patch, network.classes) == ("x", 4, 3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("layers = [", "is not TOML"),
        ("", "it has no layers"),
        ("layers = [1]", "it has no layers"),
        ("layer = []", "it has layer; did you mean layers?"),
        ('name = 3\nlayers = [{layer = "ReLU"}]', "its name is 3"),
        ('layers = [{layer = "Relu"}]', "its layer 1 is 'Relu'; did you mean ReLU?"),
        ('layers = [{filters = 3}]', "its layer 1 is None"),
        ('layers = [{layer = "Convolution", filter = 3}]', "has filter; did you mean filters?"),
        ('layers = [{layer = "ReLU", size = 3}]', "has size; it has no settings."),
        ('layers = [{layer = "Convolution", filters = 3}, {layer = "FullyConnected"}]', "Convolution, has no size"),
        ('layers = [{layer = "Convolution", filters = 3.5, size = 3}, {layer = "FullyConnected"}]', "filters 3.5"),
        ('layers = [{layer = "FullyConnected", bias = "no"}]', "has bias 'no', which must be True or False"),
        ('layers = [{layer = "Convolution", filters = 3, size = 1, initial_scale = "a"}, {layer = "FullyConnected"}]',
         "initial_scale a"),
        ('layers = [{layer = "ReLU"}]', "the last layer must give one number a class"),
        ('layers = [{layer = "Convolution", filters = 3, size = 9}, {layer = "FullyConnected"}]', "leaves nothing"),
        ('layers = [{layer = "FullyConnected", units = 7}]', "gives 7 numbers, but there are 4 classes"),
        ('patch = 3\nlayers = [{layer = "FullyConnected"}]', "patch is 3, which does not divide"),
        ('patch = "a"\nlayers = [{layer = "FullyConnected"}]', "patch is 'a', but must be a whole number"),
        ('layers = [{layer = "FullyConnected", units = 100000000000}, {layer = "FullyConnected"}]', "fit into memory"),
        ('layers = [{layer = "FullyConnected", units = 3}, {layer = "Power"},\n'
         '{layer = "FullyConnected", units = 3}, {layer = "Convolution", filters = 2, size = 2, padding = 1},\n'
         '{layer = "FullyConnected"}]', "behind a dense layer, whose output has no room for padding"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_sentence(text, told, tmp_path):
    path = written(tmp_path / "x.toml", text)
    with pytest.raises(FileError) as error:
        read_network(path, (8, 8, 1), 4)
    assert told in str(error.value)
    assert str(error.value).startswith(str(path))


def test_a_padded_convolution_behind_a_dense_layer_is_computed_or_refused(tmp_path):
    layers = (FullyConnected(6), Convolution(3, 2, padding=1), FullyConnected(4))
    padded = Architecture("padded", (5, 6, 1), layers)
    generator = np.random.default_rng(0)
    parameters = initial_parameters(padded, generator)
    images = generator.random((3, 5, 6, 1), dtype=np.float32)
    wanted = ReferenceNetwork(padded, parameters).logits(images)
    np.testing.assert_allclose(Network(padded, parameters).logits(images), wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(ParameterError, match="has no room for padding"):
        Network(padded, parameters, layout="channels")


def test_a_width_is_not_that_of_a_network_of_ones_own():
    own = Architecture("own", (8, 8, 1), (FullyConnected(10),))
    with pytest.raises(ParameterError, match="width is 2, but own has its own"):
        default_settings("digits", architecture=own, width=2)
