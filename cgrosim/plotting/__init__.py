"""Figures: one a module, each takes runs or verdicts as data and returns a matplotlib Figure; nothing is computed."""

from cgrosim.plotting.claims import panel_figure
from cgrosim.plotting.memorization_law import memorization_law_figure
from cgrosim.plotting.neuron_animation import neuron_plane_animation
from cgrosim.plotting.neuron_plane import neuron_plane_figure
from cgrosim.plotting.style import save_figure
from cgrosim.plotting.three_stages import three_stage_figure

__all__ = [
    "memorization_law_figure",
    "neuron_plane_animation",
    "neuron_plane_figure",
    "panel_figure",
    "save_figure",
    "three_stage_figure",
]
