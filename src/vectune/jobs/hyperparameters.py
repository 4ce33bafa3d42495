"""What a client may set of a job, and which settings of training it stands for."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import ValidationError

from vectune.config import TrainConfig
from vectune.config.remote import is_remote
from vectune.jobs.refusals import BadParameter

AUTO = "auto"
ADAPTER = "adapter"
_MOST_EPOCHS = 1000
_MOST_TOLD = 5
"""Faults of a request that are told at once."""
_NAME_CHARS = 100
"""How much of a name that a client chose is told back."""


@dataclass(frozen=True)
class _Number:
    """A hyperparameter of the reference: `auto`, or a number of a range."""

    setting: str
    low: float
    high: float
    whole: bool = False
    least: int = 0
    """What the setting is at least: batches of one row are taken as batches of two, since training compares rows."""

    def value(self, name: str, given: Any) -> Any:
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise BadParameter(f"`{name}` is {shown(given)}.", "Give a number, or auto.", name)
        if not self.low < given <= self.high:  # NaN is in no range
            raise BadParameter(f"`{name}` is {given}.", f"Give more than {self.low:g} and at most {self.high:g}.", name)
        if self.whole and given != int(given):
            raise BadParameter(f"`{name}` is {given}.", "Give a whole number, or auto.", name)
        return max(int(given), self.least) if self.whole else float(given)


_NUMBERS = {
    "n_epochs": _Number("epochs", 0, _MOST_EPOCHS),
    "batch_size": _Number("batch_size", 0, 4096, whole=True, least=2),
    "learning_rate_multiplier": _Number("learning_rate_multiplier", 0, 1e6),
}
_SETTINGS = {
    "method": "method",
    "dimensions": "dims",
    **{
        name: name
        for name in (
            "loss", "learning_rate", "warmup", "weight_decay", "temperature", "margin", "symmetric", "max_negatives",
            "max_tokens", "texts_per_label", "evals_per_epoch", "patience", "interpolation", "lora_rank", "lora_alpha",
            "adapter_rank", "static_dim", "static_words",
        )
    },
}  # fmt: skip
"""Hyperparameters of ours to the settings of training that they are."""
UNUSED = (
    "prompt_loss_weight", "compute_classification_metrics", "classification_n_classes",
    "classification_positive_class", "classification_betas",
)  # fmt: skip
"""Hyperparameters of the interface before this one that mean nothing to embedding models."""


def check(given: Mapping[str, Any], path: str = "hyperparameters", *, legacy: bool = False) -> dict[str, Any]:
    """`given` with `auto` for what it leaves out of the reference's three; `path` is where it stands in the request,
    empty at its top.

    With `legacy` the hyperparameters of UNUSED are taken too. Raises BadParameter with the path of the first key that
    is unknown or whose value can't be used.
    """
    known = [*_NUMBERS, *_SETTINGS, *(UNUSED if legacy else ())]
    for name in given:
        if name not in known:
            param = param_of(path, name[:_NAME_CHARS])
            raise BadParameter(f"`{param}` is no hyperparameter.", f"There are: {', '.join(known)}.", param)
    kept = dict.fromkeys(_NUMBERS, AUTO) | {name: value for name, value in given.items() if value is not None}
    _settings(kept, path)
    return kept


def param_of(path: str, name: str) -> str:
    """How an error calls the hyperparameter `name` of those that stand at `path`."""
    return f"{path}.{name}" if path else name


def train_settings(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values of TrainConfig that checked hyperparameters stand for; what is `auto` is left out."""
    return _settings(hyperparameters, "hyperparameters")


def unused(hyperparameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of the hyperparameters that change nothing."""
    return tuple(name for name in hyperparameters if name in UNUSED)


def for_base(base: str, hyperparameters: Mapping[str, Any], path: str = "hyperparameters") -> dict[str, Any]:
    """Checked hyperparameters as a job on `base` has them: behind an endpoint there are no weights, so its method is
    the adapter. BadParameter where another was asked for; `path` is where they stand in the request."""
    if not is_remote(base):
        return dict(hyperparameters)
    method = hyperparameters.get("method", ADAPTER)
    if method != ADAPTER:
        raise BadParameter(
            f"The model is behind an endpoint, so nobody here has the weights that `method` {method} would change.",
            f"Leave `method` out, or give {ADAPTER}: a small map of its query vectors is trained.",
            param_of(path, "method"),
        )
    return {**hyperparameters, "method": ADAPTER}


def _settings(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    found = {
        known.setting: known.value(param_of(path, name), given[name])
        for name, known in _NUMBERS.items()
        if given.get(name, AUTO) != AUTO
    }
    found |= {setting: given[name] for name, setting in _SETTINGS.items() if given.get(name, AUTO) != AUTO}
    if isinstance(found.get("dims"), int):
        found["dims"] = [found["dims"]]
    try:
        TrainConfig.model_validate(found)
    except ValidationError as error:
        raise _refusal(error.errors(), path) from error
    return found


def _refusal(problems: Iterable[Any], path: str) -> BadParameter:
    names = {setting: name for name, setting in _SETTINGS.items()}
    names |= {known.setting: name for name, known in _NUMBERS.items()}
    said, params = [], []
    for problem in islice(problems, _MOST_TOLD):
        setting, *deeper = problem["loc"]
        param = ".".join([param_of(path, names[setting]), *(str(part) for part in deeper)])
        message = problem["msg"].removeprefix("Value error, ")
        said.append(f"`{param}` is {shown(problem['input'])}: {message[0].lower()}{message[1:]}")
        params.append(param)
    return BadParameter(f"{'; '.join(said)}.", "The reference of TrainConfig says what each takes.", params[0])


def shown(value: Any) -> str:
    """A value that a client sent, as far as a sentence holds it: cut in length and in depth."""
    return reprlib.repr(value)
