"""What a user finds in `cgrosim.images`: every name, imported when it is used, and the README's network."""

import subprocess
import sys
from pathlib import Path

import pytest

import cgrosim.images as images


@pytest.mark.parametrize("name", images.__all__)
def test_every_name_is_there(name):
    assert getattr(images, name).__name__ == name
    assert name in dir(images)


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(AttributeError, match="has no attribute 'lennet'"):
        _ = images.lennet


def test_the_type_checker_sees_what_is_imported():
    source = Path(images.__file__).read_text().split("if TYPE_CHECKING:")[1].split("_ROOMS")[0]
    for name in images.__all__:
        assert name in source.replace(",", " ").split(), name


def test_a_network_of_ones_own_needs_nothing_heavy():
    code = (
        "import sys\n"
        "from cgrosim.images import Architecture, Attack, Convolution, FullyConnected, MaxPool, ReLU, Settings\n"
        "layers = (Convolution(16, 3, padding=1), ReLU(), MaxPool(), FullyConnected(10))\n"
        "net = Architecture('mine', (28, 28, 1), layers)\n"
        "assert net.classes == 10\n"
        "print(sorted({'numba', 'scipy', 'matplotlib', 'xarray', 'sklearn'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
