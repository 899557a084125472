"""Settings: everything that decides the result of a run, checked when it is read."""

from sparserec.settings.config import RunConfig
from sparserec.settings.data import DataConfig
from sparserec.settings.exploration import STEPS_OF_SAMPLE, ExplorationConfig
from sparserec.settings.order import OrderConfig
from sparserec.settings.recipes import load_config, parse_config, recipe_names
from sparserec.settings.teacher import TeacherConfig

__all__ = [
    "STEPS_OF_SAMPLE",
    "DataConfig",
    "ExplorationConfig",
    "OrderConfig",
    "RunConfig",
    "TeacherConfig",
    "load_config",
    "parse_config",
    "recipe_names",
]
