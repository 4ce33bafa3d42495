"""Hugging Face data sets: saved on disk, or named on the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from vectune.data.columnar import BATCH_ROWS, arrow_records
from vectune.data.formats import RawItem, file_format
from vectune.errors import DataError, VectuneError

PREFIX = "hf:"
_NAME = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")
Loader = Callable[..., Any]
"""datasets.load_dataset, or what stands for it: (repository[, configuration]) to a Dataset or DatasetDict."""


def is_name(path: str) -> bool:
    """Whether a path that does not exist can be the name of a data set on the hub: OWNER/NAME or OWNER/NAME:CONFIG.

    The prefix `hf:` says so outright. A name that ends like a data file, or begins with a folder that exists, is taken
    for a path that was mistyped.
    """
    if path.startswith(PREFIX):
        return True
    owner = path.split("/", 1)[0]
    return bool(_NAME.fullmatch(path)) and file_format(Path(path)) is None and not Path(owner).exists()


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` of a Dataset or DatasetDict wrote the folder."""
    return (folder / "dataset_dict.json").is_file() or (
        (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()
    )


def saved_splits(folder: Path) -> tuple[str, ...]:
    """The splits of a saved DatasetDict, by their own names; none for a single Dataset."""
    try:
        return tuple(map(str, json.loads((folder / "dataset_dict.json").read_bytes())["splits"]))
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(f"{folder}/dataset_dict.json can't be read", hint="save the data set again") from error


def splits(name: str, loader: Loader | None = None) -> tuple[str, ...]:
    """The splits of a data set on the hub, by their own names; fetches it, or finds it in the local cache."""
    loaded = load(name, loader)
    return tuple(map(str, loaded)) if isinstance(loaded, dict) else ()


def load(name: str, loader: Loader | None = None) -> Any:
    """The Dataset or DatasetDict that a folder or hub name stands for; DataError when it can't be had."""
    with _one_sentence(name):
        if Path(name).is_dir():
            import datasets

            return datasets.load_from_disk(name)
        repository, _, subset = name.removeprefix(PREFIX).partition(":")
        return (loader or _fetch)(repository, *([subset] if subset else []))


@lru_cache(maxsize=2)
def _fetch(*name: str) -> Any:
    """From the hub or its local cache; kept, since opening, sampling and reading each ask for it."""
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset(*name)


@contextmanager
def _one_sentence(name: str) -> Iterator[None]:
    try:
        yield
    except VectuneError:
        raise
    except Exception as error:  # the library raises whatever its parts raise; here all mean that nothing was loaded
        cause = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        hint = "give a file or folder; a hub name needs a connection or a copy in the local Hugging Face cache"
        if Path(name).is_dir():
            hint = "save the data set again with save_to_disk"
        raise DataError(f"the data set {name} can't be loaded: {cause}", hint=hint) from error


def hub_records(
    name: str, split: str, names: Mapping[str, str], only: Sequence[str] | None = None, loader: Loader | None = None
) -> Iterator[RawItem]:
    """The rows of one split (of every part when none has the name), numbered from 1; class labels by their names."""
    with _one_sentence(name):
        loaded = load(name, loader)
        parts = [loaded]
        if isinstance(loaded, dict):
            parts = [part for theirs, part in loaded.items() if names.get(theirs) == split] or list(loaded.values())
        if only is not None:
            parts = [part.select_columns([column for column in part.column_names if column in only]) for part in parts]
        tables = (table for part in parts for table in part.with_format("arrow").iter(batch_size=BATCH_ROWS))
        yield from _with_class_names(arrow_records(tables), _class_names(parts[0]))


def _class_names(part: Any) -> dict[str, list[str]]:
    """Column to the names of its classes."""
    features = part.features or {}
    return {column: feature.names for column, feature in features.items() if type(feature).__name__ == "ClassLabel"}


def _with_class_names(items: Iterator[RawItem], classes: Mapping[str, list[str]]) -> Iterator[RawItem]:
    for item in items:
        if isinstance(item, tuple):
            fields = item[1]
            for column, labels in classes.items():
                number = fields.get(column)
                if isinstance(number, int):  # -1 stands for "no label"
                    fields[column] = labels[number] if 0 <= number < len(labels) else None
        yield item
