"""From a path to data that is read, checked and divided, the same way for tuning and for judging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vectune.config import DataConfig, SplitConfig, TuneConfig
from vectune.data.check import Checked, load_checked
from vectune.data.join import add_documents, join_splits
from vectune.data.read import open_source
from vectune.data.split import SplitResult, audit_splits, carve_dev, split_dataset
from vectune.data.texts import read_texts
from vectune.errors import DataError
from vectune.monitor.progress import Progress
from vectune.records import Dropped, Retrieval, Splits

CountTokens = Callable[[Sequence[str]], NDArray[np.int64]]


@dataclass(frozen=True)
class TokenLimit:
    """How a model counts tokens, and how many of a text it sees: what tells the share of texts that are cut."""

    count: CountTokens
    limit: int


@dataclass(frozen=True)
class Prepared:
    """Data ready for training and judging, with what was dropped and what was found on the way."""

    split: SplitResult
    checked: Checked
    dropped: tuple[Dropped, ...]

    @property
    def splits(self) -> Splits:
        """Train, dev and test."""
        return self.split.splits


def prepare(config: TuneConfig, tokens: TokenLimit, progress: Progress) -> Prepared:
    """Read, check and split what `config` names: official splits are kept, others are made."""
    main, parts = _read_parts(config, tokens, progress)
    progress.stage("split")
    split = divide(parts, config.split, config.data.near_duplicate)
    if config.corpus is not None:
        split = _with_corpus(split, config.corpus, config.data)
    dropped = [entry for checked in parts.values() for entry in checked.dropped]
    return Prepared(split, main, tuple(dropped))


def divide(parts: dict[str, Checked], config: SplitConfig, near_duplicate: float) -> SplitResult:
    """Splits from what was read: `all` is divided; `train` and `test` (and `dev`) are kept and audited."""
    if "test" not in parts:
        whole = parts.get("all") or parts["train"]
        if "dev" not in parts:
            return split_dataset(whole.data, config, near_duplicate)
        raise DataError("There is a dev split and no test split.", "Give test data with --test, or leave out dev.")
    train = (parts.get("train") or parts["all"]).data
    if "dev" in parts:
        dev = parts["dev"].data
    else:
        train, dev = carve_dev(train, config, near_duplicate)
    joined = join_splits({"train": train, "dev": dev, "test": parts["test"].data})
    return audit_splits(joined, config, near_duplicate)


def _read_parts(config: TuneConfig, tokens: TokenLimit, progress: Progress) -> tuple[Checked, dict[str, Checked]]:
    """The main data's report, and what was read of each split."""
    source = open_source(config.path, config.data)
    given = {name: path for name, path in (("dev", config.dev), ("test", config.test)) if path is not None}
    wanted = [name for name in source.splits or ("all",) if name not in given]
    parts: dict[str, Checked] = {}
    for name in wanted:
        progress.stage("read" if name == "all" else f"read {name}")
        parts[name] = load_checked(
            source, config.data, split=name, count_tokens=tokens.count, max_tokens=tokens.limit, progress=progress
        )
    for name, path in given.items():
        progress.stage(f"read {name}")
        other = open_source(path, config.data)
        split = name if name in other.splits else "all"
        if other.splits and split == "all":
            raise DataError(f"{path} has the splits {', '.join(other.splits)} but no {name}.", "Name one file of it.")
        parts[name] = load_checked(other, config.data, split=split, progress=progress)
    main = parts.get("all") or parts.get("train")
    if main is None:
        raise DataError(f"{config.path} has no training rows, only {', '.join(source.splits)}.", "Add a train split.")
    _same_kind(parts)
    return main, parts


def _same_kind(parts: dict[str, Checked]) -> None:
    kinds = {name: type(checked.data) for name, checked in parts.items()}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{name} is {checked.data.kind.value}" for name, checked in parts.items())
        raise DataError(f"The splits hold different kinds of data: {said}.", "Give data of one kind for all splits.")


def _with_corpus(split: SplitResult, path: str, config: DataConfig) -> SplitResult:
    splits = split.splits
    if not isinstance(splits.train, Retrieval):
        raise DataError(f"A corpus does not go with {splits.kind.value} data.", "Leave out --corpus.")
    texts = read_texts(path, config)
    return SplitResult(add_documents(splits, texts), split.certificate, split.notes)
