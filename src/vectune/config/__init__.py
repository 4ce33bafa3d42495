"""One frozen model a stage; unknown keys refused; no torch."""

from vectune.config.data import DataConfig, SplitConfig
from vectune.config.evaluate import EvaluateConfig, VerdictConfig
from vectune.config.export import ExportConfig
from vectune.config.jobs import JobsConfig
from vectune.config.keys import KeysConfig
from vectune.config.log import LogConfig
from vectune.config.model import Config
from vectune.config.remote import RemoteConfig
from vectune.config.retention import RetentionConfig
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
    "KeysConfig",
    "LogConfig",
    "RemoteConfig",
    "RetentionConfig",
    "RunsConfig",
    "ServeConfig",
    "SplitConfig",
    "TrainConfig",
    "TuneConfig",
    "VerdictConfig",
]
