"""Training: configuration, the loop, checkpoints and the run folder."""

from sparserec.training.api import set_threads, train
from sparserec.training.config import DataConfig, ExplorationConfig, RunConfig, load_config, recipe_names
from sparserec.training.evaluation import evaluate_on_device, evaluate_path
from sparserec.training.kinds import KINDS, Kind
from sparserec.training.run import Run
from sparserec.training.trainer import Progress, Reporter, Trainer

__all__ = [
    "KINDS",
    "DataConfig",
    "ExplorationConfig",
    "Kind",
    "Progress",
    "Reporter",
    "Run",
    "RunConfig",
    "Trainer",
    "evaluate_on_device",
    "evaluate_path",
    "load_config",
    "recipe_names",
    "set_threads",
    "train",
]
