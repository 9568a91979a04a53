"""Compiled kernels: arrays in, arrays out; no randomness, no input or output."""

from cgrosim.kernels import _compiler  # noqa: F401  its checks come first
from cgrosim.kernels.commit import DIVERGED, RUNNING
from cgrosim.kernels.dense import (
    accumulate,
    backproject,
    coefficients_from_projections,
    lower_root,
    margins_from_projections,
    project,
)
from cgrosim.kernels.direct import (
    DirectData,
    advance_direct,
    make_direct_workspace,
    pack_direct_data,
    pack_weights,
    unpack_weights,
)
from cgrosim.kernels.flow import multiply, reduced_forces, wants_threads
from cgrosim.kernels.levels import LEVELS, level_values
from cgrosim.kernels.many import Starts, Training, advance_many, close_many, fresh_projections, make_stacked
from cgrosim.kernels.problem import Problem, Record, Workspace, make_problem, make_record
from cgrosim.kernels.reduced import (
    ReducedState,
    Trail,
    advance_reduced,
    make_reduced_workspace,
    make_trail,
    pack_gram,
    pack_reduced_state,
    unpack_reduced_state,
    unpack_velocity,
)
from cgrosim.kernels.trial import combine, flow_rates, set_pace, take_trial, trial_error

__all__ = [
    "DIVERGED",
    "LEVELS",
    "RUNNING",
    "DirectData",
    "Problem",
    "Record",
    "ReducedState",
    "Starts",
    "Trail",
    "Training",
    "Workspace",
    "accumulate",
    "advance_direct",
    "advance_many",
    "advance_reduced",
    "backproject",
    "close_many",
    "coefficients_from_projections",
    "combine",
    "flow_rates",
    "fresh_projections",
    "level_values",
    "lower_root",
    "make_direct_workspace",
    "make_problem",
    "make_record",
    "make_reduced_workspace",
    "make_stacked",
    "make_trail",
    "margins_from_projections",
    "multiply",
    "pack_direct_data",
    "pack_gram",
    "pack_reduced_state",
    "pack_weights",
    "project",
    "reduced_forces",
    "set_pace",
    "take_trial",
    "trial_error",
    "unpack_reduced_state",
    "unpack_velocity",
    "unpack_weights",
    "wants_threads",
]
