"""Real images: data sets, convolutional networks on kernels of our own, attacks, trainings and experiments.

    from cgrosim.images import Architecture, Convolution, FullyConnected, MaxPool, ReLU, default_settings, train

    training = train(default_settings("digits", epochs=5))

Everything named here is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cgrosim.images.attacks.automatic import AutoPGD as AutoPGD
    from cgrosim.images.attacks.black_box import Square as Square
    from cgrosim.images.attacks.black_box import square_attack as square_attack
    from cgrosim.images.attacks.class_means import ClassMeanAttack as ClassMeanAttack
    from cgrosim.images.attacks.evaluation import Evaluation as Evaluation
    from cgrosim.images.attacks.evaluation import evaluate as evaluate
    from cgrosim.images.attacks.gradient import Attack as Attack
    from cgrosim.images.attacks.gradient import perturb as perturb
    from cgrosim.images.attacks.standard import Standard as Standard
    from cgrosim.images.attacks.worst import worst_case as worst_case
    from cgrosim.images.data.datasets import Dataset as Dataset
    from cgrosim.images.data.datasets import load_dataset as load_dataset
    from cgrosim.images.experiments.catalogue.capacity import Capacity as Capacity
    from cgrosim.images.experiments.catalogue.cures import Cures as Cures
    from cgrosim.images.experiments.catalogue.landscape import LossLandscape as LossLandscape
    from cgrosim.images.experiments.catalogue.landscape import landscape_of as landscape_of
    from cgrosim.images.experiments.catalogue.stages import ThreeStages as ThreeStages
    from cgrosim.images.experiments.catalogue.train import RobustOverfitting as RobustOverfitting
    from cgrosim.images.experiments.job_table import ExperimentTable as ExperimentTable
    from cgrosim.images.experiments.job_table import load_table as load_table
    from cgrosim.images.experiments.landscape_search import Search as Search
    from cgrosim.images.experiments.runner import Outcome as Outcome
    from cgrosim.images.experiments.runner import run_experiment as run_experiment
    from cgrosim.images.experiments.runner import write_conclusion as write_conclusion
    from cgrosim.images.experiments.stage_settings import StageSettings as StageSettings
    from cgrosim.images.inspection.attack_table import AttackTable as AttackTable
    from cgrosim.images.inspection.attack_table import attack_table as attack_table
    from cgrosim.images.inspection.attack_table import examples_of as examples_of
    from cgrosim.images.inspection.attack_table import table_attacks as table_attacks
    from cgrosim.images.inspection.errors import Inspection as Inspection
    from cgrosim.images.inspection.errors import inspect_network as inspect_network
    from cgrosim.images.inspection.onnx_export import export_onnx as export_onnx
    from cgrosim.images.inspection.onnx_export import onnx_logits as onnx_logits
    from cgrosim.images.inspection.subject import TrainedNetwork as TrainedNetwork
    from cgrosim.images.inspection.subject import open_network as open_network
    from cgrosim.images.network.architectures import lenet as lenet
    from cgrosim.images.network.architectures import patch_network as patch_network
    from cgrosim.images.network.architectures import stack3x3 as stack3x3
    from cgrosim.images.network.files import read_network as read_network
    from cgrosim.images.network.layers import (
        Architecture as Architecture,
    )
    from cgrosim.images.network.layers import (
        Convolution as Convolution,
    )
    from cgrosim.images.network.layers import (
        FixedReadout as FixedReadout,
    )
    from cgrosim.images.network.layers import (
        FullyConnected as FullyConnected,
    )
    from cgrosim.images.network.layers import (
        MaxPool as MaxPool,
    )
    from cgrosim.images.network.layers import (
        Power as Power,
    )
    from cgrosim.images.network.layers import (
        ReLU as ReLU,
    )
    from cgrosim.images.network.layers import (
        SumPositions as SumPositions,
    )
    from cgrosim.images.training.averaging import Averaging as Averaging
    from cgrosim.images.training.defaults import default_settings as default_settings
    from cgrosim.images.training.defaults import final_attack as final_attack
    from cgrosim.images.training.file import Training as Training
    from cgrosim.images.training.final import FinalAccuracies as FinalAccuracies
    from cgrosim.images.training.final import final_accuracies as final_accuracies
    from cgrosim.images.training.schedules import Schedule as Schedule
    from cgrosim.images.training.settings import Settings as Settings
    from cgrosim.images.training.train import new_network as new_network
    from cgrosim.images.training.train import train as train

_ROOMS = {
    "attacks.automatic": ("AutoPGD",),
    "attacks.black_box": ("Square", "square_attack"),
    "attacks.class_means": ("ClassMeanAttack",),
    "attacks.evaluation": ("Evaluation", "evaluate"),
    "attacks.gradient": ("Attack", "perturb"),
    "attacks.standard": ("Standard",),
    "attacks.worst": ("worst_case",),
    "data.datasets": ("Dataset", "load_dataset"),
    "experiments.catalogue.capacity": ("Capacity",),
    "experiments.catalogue.landscape": ("LossLandscape", "landscape_of"),
    "experiments.catalogue.stages": ("ThreeStages",),
    "experiments.catalogue.train": ("RobustOverfitting",),
    "experiments.catalogue.cures": ("Cures",),
    "experiments.job_table": ("ExperimentTable", "load_table"),
    "experiments.landscape_search": ("Search",),
    "experiments.runner": ("Outcome", "run_experiment", "write_conclusion"),
    "experiments.stage_settings": ("StageSettings",),
    "network.files": ("read_network",),
    "inspection.attack_table": ("AttackTable", "attack_table", "examples_of", "table_attacks"),
    "inspection.errors": ("Inspection", "inspect_network"),
    "inspection.onnx_export": ("export_onnx", "onnx_logits"),
    "inspection.subject": ("TrainedNetwork", "open_network"),
    "network.architectures": ("lenet", "patch_network", "stack3x3"),
    "network.layers": ("Architecture", "Convolution", "FixedReadout", "FullyConnected", "MaxPool", "Power", "ReLU",
                       "SumPositions"),
    "training.averaging": ("Averaging",),
    "training.defaults": ("default_settings", "final_attack"),
    "training.file": ("Training",),
    "training.final": ("FinalAccuracies", "final_accuracies"),
    "training.schedules": ("Schedule",),
    "training.settings": ("Settings",),
    "training.train": ("new_network", "train"),
}  # fmt: skip
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "attacks", "data", "experiments", "inspection", "network", "training"]
