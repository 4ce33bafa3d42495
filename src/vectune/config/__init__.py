"""One frozen model a stage; unknown keys refused; no torch."""

from vectune.config.data import DataConfig, SplitConfig
from vectune.config.evaluate import EvaluateConfig, VerdictConfig
from vectune.config.export import ExportConfig
from vectune.config.jobs import JobsConfig
from vectune.config.model import Config
from vectune.config.remote import RemoteConfig
from vectune.config.serve import ServeConfig
from vectune.config.train import TrainConfig
from vectune.config.workflow import CheckConfig, EncodeConfig, JudgeConfig, RunsConfig, TuneConfig

__all__ = [
    "CheckConfig",
    "Config",
    "DataConfig",
    "EncodeConfig",
    "EvaluateConfig",
    "ExportConfig",
    "JobsConfig",
    "JudgeConfig",
    "RemoteConfig",
    "RunsConfig",
    "ServeConfig",
    "SplitConfig",
    "TrainConfig",
    "TuneConfig",
    "VerdictConfig",
]
