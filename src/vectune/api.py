"""The Python interface: the same workflows as the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vectune.config import CheckConfig, JudgeConfig, TuneConfig
from vectune.config.load import parse_config
from vectune.config.remote import RemoteConfig
from vectune.data.check import CheckReport
from vectune.encode.encoder import Encoder
from vectune.encode.loading import load_encoder
from vectune.encode.open_adapted import open_model
from vectune.errors import ConfigError
from vectune.monitor.progress import Progress, Silent
from vectune.workflows.check import check_data
from vectune.workflows.evaluate import Evaluation, evaluate
from vectune.workflows.tune import Hands, Run
from vectune.workflows.tune import tune as tune_workflow


def tune(
    path: str | Path,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
    **settings: Any,
) -> Run:
    """Tune a model on the data at `path` and judge it; the run folder and verdict are in what comes back.

    `settings` are the fields of TuneConfig, nested ones as dicts: `tune("pairs.jsonl", out="runs/a",
    train={"epochs": 2})`. `stop` is asked after each step; when it says True, all is saved and Interrupted is raised;
    `resume` with the same settings and `out` then goes on. Raises ConfigError, DataError, ModelError, StorageError...
    each with a `hint`.
    """
    config = parse_config(TuneConfig, {"path": str(path), **settings}, "tune()")
    return tune_workflow(config, Hands(progress or Silent(), stop, resume))


def judge(model: str | Path, path: str | Path, *, against: Sequence[str] = (), **settings: Any) -> Evaluation:
    """Judge `model` on the data at `path` beside BM25 and the models `against`; the first of them is the base.

    `settings` are the fields of JudgeConfig. Nothing is written unless `out` is given.
    """
    content = {"model": str(model), "path": str(path), "against": tuple(against), **settings}
    return evaluate(parse_config(JudgeConfig, content, "judge()"), Silent())


def check(path: str | Path, **settings: Any) -> dict[str, CheckReport]:
    """What the data at `path` is and what is wrong with it, a report per split (`all` where there are none).

    `settings` are the fields of CheckConfig. Nothing is written unless `out` is given.
    """
    return check_data(parse_config(CheckConfig, {"path": str(path), **settings}, "check()"), Silent())


def load(
    model: str | Path,
    *,
    max_tokens: int | None = None,
    device: str | None = None,
    trust_remote_code: bool = False,
    base_url: str | None = None,
) -> Encoder:
    """An encoder: `load(run.model).encode(texts)` gives float32 [len(texts), dim] of L2 norm 1.

    `model` is a run folder, a path, a name or `openai:MODEL` at the endpoint `base_url`; with `trust_remote_code` its
    own Python code may run. `max_tokens`, 1 or more, cuts texts earlier than the model would. ModelError when the model
    can't be had, ConfigError for less than a token.
    """
    if max_tokens is not None and max_tokens < 1:
        told = f"`max_tokens` is {max_tokens} and must be at least 1."
        raise ConfigError(told, "Leave it out for the model's own limit.")

    def local() -> Encoder:
        return load_encoder(str(model), max_tokens=max_tokens, device=device, trust_remote_code=trust_remote_code)

    remote = parse_config(RemoteConfig, {"base_url": base_url}, "load()")
    return open_model(str(model), remote, local)
