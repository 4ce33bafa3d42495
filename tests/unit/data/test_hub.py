"""Tests of data/hub.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.unit.data.sample_files import PAIRS, read, stream_of
from vectune.config import DataConfig
from vectune.data import hub
from vectune.data.source import SPLIT_NAMES, open_source
from vectune.errors import DataError
from vectune.records import Dropped, Kind, LabelledText


@pytest.fixture(autouse=True)
def _no_bars() -> None:
    datasets.disable_progress_bars()


def test_saved_dataset_is_one_stream(tmp_path: Path) -> None:
    """A Dataset on disk gives its rows, also after a selection, which lives in an index beside the table."""
    whole = datasets.Dataset.from_list(PAIRS)
    whole.select([2, 0]).save_to_disk(str(tmp_path / "saved"))
    source = open_source(str(tmp_path / "saved"), DataConfig())
    assert (source.format, source.splits) == ("hf", ())
    assert [row.anchor for row in read(tmp_path / "saved")[0]] == [PAIRS[2]["query"], PAIRS[0]["query"]]  # type: ignore[union-attr]


def test_saved_dict_has_its_splits_with_validation_as_dev(tmp_path: Path) -> None:
    """A DatasetDict on disk has official splits under our names."""
    part = datasets.Dataset.from_list(PAIRS)
    datasets.DatasetDict({"train": part, "validation": part.select([0, 1])}).save_to_disk(str(tmp_path / "saved"))
    assert open_source(str(tmp_path / "saved"), DataConfig()).splits == ("train", "dev")
    assert len(read(tmp_path / "saved", "dev")[0]) == 2
    assert len(read(tmp_path / "saved")[0]) == 5


def test_class_labels_come_by_name(tmp_path: Path) -> None:
    """Numbers of a ClassLabel become names, and -1 (no label) a missing label."""
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"text": ["a", "b", "c"], "label": [1, 0, -1]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "saved"))
    assert stream_of(tmp_path / "saved").roles.kind is Kind.LABELLED
    rows_read, dropped = read(tmp_path / "saved")
    assert rows_read == [LabelledText("a", "yes", 1), LabelledText("b", "no", 2)]
    assert [(drop.row, drop.reason) for drop in dropped] == [(3, "missing label")]


def test_damaged_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A saved data set whose files are gone gives a DataError with a hint."""
    folder = tmp_path / "saved"
    datasets.Dataset.from_list(PAIRS).save_to_disk(str(folder))
    (folder / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(DataError, match="can't be loaded") as error:
        read(folder)
    assert "save_to_disk" in error.value.hint
    (folder / "dataset_dict.json").write_text("broken", encoding="utf-8")
    with pytest.raises(DataError, match=r"dataset_dict\.json"):
        open_source(str(folder), DataConfig())


def test_splits_that_are_not_read_are_said(tmp_path: Path) -> None:
    """Beside train, splits of other names are named as not read; alone they are all read together."""
    part = datasets.Dataset.from_list(PAIRS)
    for name, splits in (("beside", {"train": part, "unsupervised": part}), ("alone", {"en": part, "de": part})):
        datasets.DatasetDict(splits).save_to_disk(str(tmp_path / name))
    said = stream_of(tmp_path / "beside").roles.said
    assert any("not read" in sentence and "unsupervised" in sentence for sentence in said)
    assert not any("not read" in sentence for sentence in stream_of(tmp_path / "alone").roles.said)
    assert len(read(tmp_path / "alone")[0]) == 2 * len(PAIRS)


class _Hub:
    """Stands for datasets.load_dataset: knows one data set, else fails as a machine without a connection."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *name: str) -> Any:
        self.asked.append(name)
        if name[0] != "owner/known":
            raise ConnectionError("Couldn't reach the hub\nlong story")
        part = datasets.Dataset.from_list(PAIRS)
        return datasets.DatasetDict({"train": part, "validation": part.select([1]), "extra": part})


def test_hub_name_gives_splits_and_rows() -> None:
    """A name on the hub is fetched with its configuration, and its rows are read split by split."""
    loader = _Hub()
    assert hub.splits("owner/known", loader) == ("train", "validation", "extra")
    rows = list(hub.hub_records("hf:owner/known:small", "dev", SPLIT_NAMES, ["query"], loader))
    assert rows == [(1, {"query": PAIRS[1]["query"]}, None)]
    assert loader.asked == [("owner/known",), ("owner/known", "small")]


def test_hub_without_connection_is_told_in_a_sentence() -> None:
    """The library's long story becomes one sentence with a hint."""
    with pytest.raises(DataError, match=r"owner/other can't be loaded: Couldn't reach the hub$") as error:
        list(hub.hub_records("owner/other", "all", SPLIT_NAMES, None, _Hub()))
    assert "local Hugging Face cache" in error.value.hint


@pytest.mark.parametrize(
    ("path", "is_name"),
    [
        ("owner/name", True),
        ("owner/name:config", True),
        ("hf:name", True),
        ("name", False),
        ("owner/name.jsonl", False),
        ("a/b/c", False),
        ("../name", False),
        ("", False),
    ],
)
def test_names_of_the_hub_are_told_from_paths(path: str, is_name: bool) -> None:
    """OWNER/NAME may be on the hub; what looks like a file, or begins with a folder that exists, is a path."""
    assert hub.is_name(path) is is_name


def test_reading_never_loads_torch(tmp_path: Path) -> None:
    """A Hugging Face data set is read without torch or transformers."""
    datasets.Dataset.from_list(PAIRS).save_to_disk(str(tmp_path / "saved"))
    script = (
        "import sys; from vectune.config import DataConfig; from vectune.data.read import open_source, read_rows;"
        f"rows = list(read_rows(open_source({str(tmp_path / 'saved')!r}, DataConfig()), DataConfig()));"
        "print(len(rows), 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False", "False"]


def test_dropped_is_no_record() -> None:
    """What Arrow can't decode passes through the class names untouched."""
    items = hub._with_class_names(iter([Dropped(1, "not utf-8"), (2, {"label": 0}, None)]), {"label": ["no"]})
    assert list(items) == [Dropped(1, "not utf-8"), (2, {"label": "no"}, None)]
