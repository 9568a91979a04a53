"""Figures: one a module, each takes runs or verdicts as data and returns a matplotlib Figure; nothing is computed."""

from cgrosim.figures.claims import panel_figure
from cgrosim.figures.memorisation_law import memorisation_law_figure
from cgrosim.figures.neuron_animation import neuron_plane_animation
from cgrosim.figures.neuron_plane import neuron_plane_figure
from cgrosim.figures.style import save_figure
from cgrosim.figures.three_stages import three_stage_figure

__all__ = [
    "memorisation_law_figure",
    "neuron_plane_animation",
    "neuron_plane_figure",
    "panel_figure",
    "save_figure",
    "three_stage_figure",
]
