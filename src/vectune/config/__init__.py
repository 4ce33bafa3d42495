"""One frozen model a stage; unknown keys refused; no torch."""

from vectune.config.data import DataConfig, SplitConfig
from vectune.config.evaluate import EvaluateConfig, VerdictConfig
from vectune.config.model import Config
from vectune.config.train import TrainConfig
from vectune.config.workflow import CheckConfig, EncodeConfig, JudgeConfig, RunsConfig, TuneConfig

__all__ = [
    "CheckConfig",
    "Config",
    "DataConfig",
    "EncodeConfig",
    "EvaluateConfig",
    "JudgeConfig",
    "RunsConfig",
    "SplitConfig",
    "TrainConfig",
    "TuneConfig",
    "VerdictConfig",
]
