"""From a path to data that is read, checked and divided, the same way for tuning and for judging."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vectune.config import DataConfig, SplitConfig, TuneConfig
from vectune.data.check import Checked, CheckReport, load_checked
from vectune.data.join import add_documents, join_splits
from vectune.data.read import open_source
from vectune.data.split import SplitResult, audit_splits, carve_dev, split_dataset
from vectune.data.texts import find_texts, read_texts
from vectune.errors import DataError
from vectune.monitor.progress import Named, Progress
from vectune.records import Dataset, Dropped, Labelled, Retrieval, Splits

_NO_DEV = "there are too few rows for a dev split: all that is not test is trained on"
_SEEDS = 10
"""Seeds tried until a handful of rows is divided so that train has something to learn from."""
CountTokens = Callable[[Sequence[str]], NDArray[np.int64]]


@dataclass(frozen=True)
class TokenLimit:
    """How a model counts tokens, and how many of a text it sees: what tells the share of texts that are cut."""

    count: CountTokens
    limit: int


@dataclass(frozen=True)
class Prepared:
    """Data ready for training and judging, with what was dropped and what is to be told about it.

    `checked` is what was read to train on; `others` has the reports on the rest, by the part that it is.
    """

    split: SplitResult
    checked: Checked
    others: Mapping[str, CheckReport]
    dropped: Mapping[str, tuple[Dropped, ...]]
    notes: tuple[str, ...]

    @property
    def splits(self) -> Splits:
        """Train, dev and test."""
        return self.split.splits


def prepare(config: TuneConfig, tokens: TokenLimit, progress: Progress) -> Prepared:
    """Read, check and split what `config` names: official splits are kept, others are made."""
    if config.corpus is not None:
        find_texts(config.corpus)
    main, parts = _read_parts(config, tokens, progress)
    progress.stage("split")
    split = divide(parts, config.split, config.data.near_duplicate)
    if config.corpus is not None:
        split = _with_corpus(split, config.corpus, config.data)
    dropped = {name: checked.dropped for name, checked in parts.items()}
    others = {name: checked.report for name, checked in parts.items() if checked is not main}
    return Prepared(split, main, others, dropped, (*_found(parts), *split.notes))


def divide(parts: dict[str, Checked], config: SplitConfig, near_duplicate: float) -> SplitResult:
    """Splits from what was read: `all` is divided; `train` and `test` (and `dev`) are kept and audited.

    With `dev` and no `test`, the test comes out of train: dev selects, so it can't judge too. Where dev would leave
    train with too little to learn from, there is no dev.
    """
    if "test" not in parts:
        whole = parts.get("all") or parts["train"]
        if "dev" not in parts:
            return _split_all(whole.data, config, near_duplicate)
        train, test, notes = _carve_test(whole.data, config, near_duplicate)
    else:
        train, test, notes = (parts.get("train") or parts["all"]).data, parts["test"].data, ()
    if "dev" in parts:
        dev = parts["dev"].data
    else:
        train, dev, notes = _carve(train, config, near_duplicate)
    joined = join_splits({"train": train, "dev": dev, "test": test})
    audited = audit_splits(joined, config, near_duplicate)
    return replace(audited, notes=(*notes, *audited.notes))


def _split_all(data: Dataset, config: SplitConfig, near_duplicate: float) -> SplitResult:
    split = split_dataset(data, config, near_duplicate)
    if _can_teach(split.splits.train) or not _can_teach(data):
        return split
    for seed in range(config.seed, config.seed + _SEEDS):
        other = _without_dev(config).model_copy(update={"seed": seed})
        again = split_dataset(data, other, near_duplicate)
        if _can_teach(again.splits.train):
            why = f"the split has seed {seed}, so that train has two labels"
            notes = (_NO_DEV, why) if seed != config.seed else (_NO_DEV,)
            return replace(again, notes=(*notes, *again.notes))
    return split


def _carve_test(train: Dataset, config: SplitConfig, near_duplicate: float) -> tuple[Dataset, Dataset, tuple[str, ...]]:
    """Train, test and a note, for data that brings a dev split but no test split."""
    share, dev, test = config.shares
    swapped = config.model_copy(update={"shares": (share, test, dev)})
    rest, held_out = carve_dev(train, swapped, near_duplicate)
    return rest, held_out, (f"there is no test split: {len(held_out):,} rows of train are held out as test",)


def _carve(train: Dataset, config: SplitConfig, near_duplicate: float) -> tuple[Dataset, Dataset, tuple[str, ...]]:
    """Train, dev and notes; dev is empty where train is too small to be divided."""
    try:
        rest, dev = carve_dev(train, config, near_duplicate)
    except DataError:  # a single component: nothing may part
        rest, dev = carve_dev(train, _without_dev(config), near_duplicate)
        return rest, dev, (_NO_DEV,)
    if _can_teach(rest) or not _can_teach(train):
        return rest, dev, ()
    return *carve_dev(train, _without_dev(config), near_duplicate), (_NO_DEV,)


def _can_teach(train: Dataset) -> bool:
    """Whether there are two rows, and of labelled texts two labels: the least to learn from."""
    labels = {text.label for text in train.texts} if isinstance(train, Labelled) else {"any", "other"}
    return len(train) > 1 and len(labels) > 1


def _without_dev(config: SplitConfig) -> SplitConfig:
    train, dev, test = config.shares
    return config.model_copy(update={"shares": (train + dev, 0.0, test)})


def _found(parts: dict[str, Checked]) -> tuple[str, ...]:
    """What was understood and found in the parts, each sentence once; where it is not true of all, of which it is."""
    said_of: dict[str, list[str]] = {}
    for name, checked in parts.items():
        for sentence in (*checked.report.said, *(finding.message for finding in checked.report.findings)):
            said_of.setdefault(sentence, []).append("train" if name == "all" else name)
    return tuple(
        sentence if len(names) == len(parts) else f"{' and '.join(names)}: {sentence}"
        for sentence, names in said_of.items()
    )


def _read_parts(config: TuneConfig, tokens: TokenLimit, progress: Progress) -> tuple[Checked, dict[str, Checked]]:
    """The main data's report, and what was read of each split."""
    source = open_source(config.path, config.data)
    paths = {name: path for name, path in (("dev", config.dev), ("test", config.test)) if path is not None}
    given = {name: open_source(path, config.data) for name, path in paths.items()}
    parts: dict[str, Checked] = {}
    for name in (name for name in source.splits or ("all",) if name not in given):
        named = Named(progress, "read and check" if name == "all" else f"read {name}")
        parts[name] = load_checked(
            source, config.data, split=name, count_tokens=tokens.count, max_tokens=tokens.limit, progress=named
        )
    for name, other in given.items():
        split = name if name in other.splits else "all"
        if other.splits and split == "all":
            found = f"{other.path} has the splits {', '.join(other.splits)} but no {name}."
            raise DataError(found, "Name one file of it.")
        parts[name] = load_checked(other, config.data, split=split, progress=Named(progress, f"read {name}"))
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
    return replace(split, splits=add_documents(splits, texts))
