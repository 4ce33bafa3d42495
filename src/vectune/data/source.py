"""What lies at a path: a file, a folder of splits, a BEIR folder, or a Hugging Face data set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vectune.config import DataConfig
from vectune.data import beir, hub
from vectune.data.formats import ENDINGS, file_format, json_flavour, text_head
from vectune.errors import DataError, UsageError

ALL = "all"
SPLITS = ("train", "dev", "test")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "validation": "dev",
    "valid": "dev",
    "val": "dev",
    "test": "test",
    "testing": "test",
}
ID_FORMATS = ("beir", "llamaindex")
_SHARD = re.compile(r"[-_.]\d+(-of-\d+)?$")
_KNOWN = ", ".join(ENDINGS) + " (each also .gz)"


@dataclass(frozen=True)
class Source:
    """What lies at a path, opened but not read.

    `format` is "jsonl", "json", "csv", "tsv", "parquet", "hf", "beir" or "llamaindex". `splits` are the official
    splits found, of "train", "dev" (also called validation) and "test", in that order; without any, the whole is one
    stream named "all". `files` maps a stream to its files; it is empty for "hf".
    """

    path: str
    format: str
    splits: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that can be read one by one: the splits, or "all"."""
        return self.splits or (ALL,)


def open_source(path: str, config: DataConfig) -> Source:
    """Find out what `path` is. UsageError when nothing lies there, DataError when it is nothing we can read."""
    place = Path(path)
    if place.is_dir():
        return _open_folder(path, place)
    if place.is_file():
        form, said = _flavour(place)
        return Source(path, form, files={ALL: (path,)}, said=said)
    if place.exists():
        raise UsageError(f"{path} is neither a file nor a folder", hint="save the data in a file first")
    if hub.is_name(path):
        return _hf_source(path, hub.splits(path))
    raise UsageError(f"{path} does not exist", hint="give a file, a folder, or a hub name such as OWNER/NAME")


def _flavour(place: Path) -> tuple[str, tuple[str, ...]]:
    """The format of a file by its ending and its first bytes, and what to tell the user about it."""
    form = file_format(place)
    if form is None:
        raise UsageError(f"{place} has no ending that vectune knows", hint=f"use one of {_KNOWN}")
    if form in ("jsonl", "json"):
        found = json_flavour(place)
        said = (f"{place.name} holds JSON {'lines' if found == 'jsonl' else 'as one document'}, and is read so",)
        return found, said if found in ("jsonl", "json") and found != form else ()
    if form in ("csv", "tsv"):
        text_head(place)
    return form, ()


def _open_folder(path: str, folder: Path) -> Source:
    if hub.is_saved(folder):
        return _hf_source(path, hub.saved_splits(folder))
    if beir.is_folder(folder):
        layout = beir.layout(folder, SPLIT_NAMES)
        return Source(path, "beir", tuple(split for split in layout.judgements if split != ALL), layout.judgements)
    for place in (folder, folder / "data"):
        if place.is_dir() and (files := _split_files(place)):
            form, said = _flavour(Path(next(iter(files.values()))[0]))
            read = {name for names in files.values() for name in names}
            others = [file.name for file in _data_files(place) if str(file) not in read]
            return Source(path, form, _in_order(tuple(files)), files, (*said, *_not_read(others)))
    return _open_only_file(path, folder)


def _hf_source(path: str, theirs: tuple[str, ...]) -> Source:
    """A Hugging Face data set: its train, dev and test, or all its splits together when it has none of these."""
    ours = _in_order(tuple(SPLIT_NAMES[name] for name in theirs if name in SPLIT_NAMES))
    others = [name for name in theirs if name not in SPLIT_NAMES] if ours else []
    return Source(path, "hf", ours, said=_not_read(others))


def _not_read(names: Sequence[str]) -> tuple[str, ...]:
    return (f"not read, since train, dev and test lie beside: {', '.join(names)}",) if names else ()


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in SPLITS if name in names)


def _data_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and file_format(file) is not None)


def _split_files(folder: Path) -> dict[str, tuple[str, ...]]:
    """Split name to its files: train.jsonl, validation.csv, or shards such as train-00000-of-00002.parquet."""
    found: dict[str, list[Path]] = {}
    for file in _data_files(folder):
        stem = file.name.lower().removesuffix(".gz").rsplit(".", 1)[0]
        split = SPLIT_NAMES.get(_SHARD.sub("", stem))
        if split is not None:
            found.setdefault(split, []).append(file)
    for split, files in found.items():
        if len(files) > 1 and any(_SHARD.search(file.name.lower().split(".", 1)[0]) is None for file in files):
            names = " and ".join(file.name for file in files[:2])
            raise DataError(f"{folder} has two files for {split}: {names}", hint="keep one, or name the file itself")
    return {split: tuple(map(str, found[split])) for split in SPLITS if split in found}


def _open_only_file(path: str, folder: Path) -> Source:
    files = _data_files(folder)
    if len(files) != 1:
        found = ", ".join(file.name for file in files[:5]) or "no data file"
        hint = "name one file, or call them train, dev and test; a BEIR folder has corpus.jsonl and queries.jsonl"
        raise DataError(f"{path} is a folder with {found}", hint=hint)
    form, said = _flavour(files[0])
    return Source(
        path, form, files={ALL: (str(files[0]),)}, said=(f"the folder's one file {files[0].name} is read", *said)
    )
