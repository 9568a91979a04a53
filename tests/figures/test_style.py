"""Labels that keep out of each other's way, numbers for labels, and files that are the same for the same figure."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from cgrosim.errors import FileError
from cgrosim.figures import style


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6), st.floats(0.02, 0.16))
def test_spread_keeps_boxes_apart_inside_and_in_order(wanted: list[float], size: float) -> None:
    places = style.spread(wanted, np.full(len(wanted), size))
    order = np.argsort(wanted, kind="stable")
    rounding = 1e-12  # a few additions of numbers up to 1
    assert np.all(np.diff(places[order]) >= size - rounding)
    assert places.min() >= 0.5 * size - rounding
    assert places.max() <= 1.0 - 0.5 * size + rounding


def test_spread_leaves_what_does_not_overlap() -> None:
    assert style.spread([0.8, 0.2, 0.5], [0.1, 0.1, 0.1]) == pytest.approx([0.8, 0.2, 0.5], abs=1e-15)


def test_spread_is_the_nearest_arrangement() -> None:
    assert style.spread([0.5, 0.5, 0.5], [0.1, 0.1, 0.1]) == pytest.approx([0.4, 0.5, 0.6], abs=1e-15)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1000.0, "1000"), (0.0123456, "0.0123"), (1e12, "$10^{12}$"), (2.5e-7, r"$2.5 \times 10^{-7}$"),
     (-3e5, r"$-3.0 \times 10^{5}$"), (np.nan, "nan"), (-np.inf, "-inf")],
)  # fmt: skip
def test_number(value: float, text: str) -> None:
    assert style.number(value) == text


def test_colours_differ_in_lightness_as_well_as_in_hue() -> None:
    """Blue against vermilion carries clean against adversarial everywhere: it must survive a grey printer."""

    def luminance(colour: str) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    blue, red, dark = map(luminance, (style.BLUE, style.VERMILION, style.DARK_BLUE))
    assert (red + 0.05) / (blue + 0.05) > 1.2
    assert (blue + 0.05) / (dark + 0.05) > 2.0


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_file(tmp_path, suffix: str) -> None:
    for name in ("one", "two"):
        with style.styled():
            figure = style.new_figure(3.0, 2.0)
            figure.add_subplot().plot([1, 2, 3])
        style.save_figure(figure, tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"one.{suffix}", f"two.{suffix}"]


def test_an_unknown_format_is_one_sentence(tmp_path) -> None:
    with style.styled():
        figure = style.new_figure(2.0, 2.0)
    with pytest.raises(FileError, match=r"figure format 'xyz'.*take \.png"):
        style.save_figure(figure, tmp_path / "figure.xyz")
    assert list(tmp_path.iterdir()) == []


def test_drawing_leaves_the_settings_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    with style.styled():
        style.new_figure(2.0, 2.0)
    assert dict(matplotlib.rcParams) == before


def test_drawing_needs_no_pyplot() -> None:
    program = (
        "import sys\n"
        "from cgrosim.figures import style\n"
        "with style.styled():\n"
        "    style.new_figure(2.0, 2.0).add_subplot().plot([1, 2])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_figure_shows_itself_in_a_notebook():
    """Jupyter asks an object for its PNG; without pyplot nobody has told it how to draw a figure."""
    with style.styled():
        figure = style.new_figure(2.0, 1.0, layout=None)
        figure.add_subplot().plot([0, 1])
    png = figure._repr_png_()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(png[16:20]) == 180  # two inches
