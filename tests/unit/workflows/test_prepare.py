from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.word_rows import Row, labelled_texts, overlapping_pairs, write_jsonl
from vectune.config import TuneConfig
from vectune.errors import DataError, UsageError
from vectune.monitor.progress import Silent
from vectune.records import Labelled, Retrieval
from vectune.workflows.prepare import Prepared, TokenLimit, prepare


class Stages(Silent):
    """Remembers the stages."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.names.append(name)


def _prepare(path: Path, progress: Silent | None = None, **settings: object) -> Prepared:
    config = TuneConfig.model_validate({"path": str(path), **settings})
    return prepare(config, TokenLimit(HashEncoder().count_tokens, 16), progress or Silent())


def _sizes(prepared: Prepared) -> tuple[int, int, int]:
    splits = prepared.splits
    return len(splits.train), len(splits.dev), len(splits.test)


def test_one_file_is_divided(tmp_path: Path) -> None:
    """Every row of one file is in exactly one of three splits over one corpus."""
    prepared = _prepare(write_jsonl(tmp_path / "a.jsonl", overlapping_pairs(80)))
    assert sum(_sizes(prepared)) == 80
    assert min(_sizes(prepared)) > 0
    assert isinstance(prepared.splits.train, Retrieval)
    assert len(prepared.splits.train.corpus) == 80
    assert prepared.split.certificate.clean


def test_given_test_is_kept_whole(tmp_path: Path) -> None:
    """With --test the file's rows are train and dev; with --dev too, all of them are train."""
    data = write_jsonl(tmp_path / "a.jsonl", overlapping_pairs(80))
    test = write_jsonl(tmp_path / "t.jsonl", overlapping_pairs(30, seed=1))
    dev = write_jsonl(tmp_path / "d.jsonl", overlapping_pairs(20, seed=2))
    train, carved, tested = _sizes(_prepare(data, test=str(test)))
    assert (train + carved, tested) == (80, 30)
    assert carved > 0
    assert _sizes(_prepare(data, test=str(test), dev=str(dev))) == (80, 20, 30)


def test_a_dev_split_without_a_test_split_keeps_dev_and_takes_test_from_train(tmp_path: Path) -> None:
    """Dev selects, so it can't judge: a part of train is held out for that, and it is said."""
    data = write_jsonl(tmp_path / "a.jsonl", overlapping_pairs(80))
    dev = write_jsonl(tmp_path / "d.jsonl", overlapping_pairs(20, seed=2))
    prepared = _prepare(data, dev=str(dev))
    train, kept, test = _sizes(prepared)
    assert (train + test, kept) == (80, 20)
    assert {name: report.rows_read for name, report in prepared.others.items()} == {"dev": 20}
    assert test > 0
    assert any("no test split" in note for note in prepared.notes)


def test_stages_bear_one_name_each(tmp_path: Path) -> None:
    """Reading and checking a file is one stage; each further file is one more."""
    data = write_jsonl(tmp_path / "a.jsonl", overlapping_pairs(40))
    test = write_jsonl(tmp_path / "t.jsonl", overlapping_pairs(30, seed=1))
    stages = Stages()
    _prepare(data, stages, test=str(test))
    assert stages.names == ["read and check", "read test", "split"]


def test_what_was_found_is_told(tmp_path: Path) -> None:
    """Notes say once how the files were read, of which one something was dropped, then what the split came to."""
    rows: list[Row] = [*overlapping_pairs(40), {"query": "", "positive": "dog1"}]
    data = write_jsonl(tmp_path / "a.jsonl", rows)
    alone = _prepare(data)
    assert alone.notes[0].startswith("read as pairs")
    assert any("1 row can't be used" in note for note in alone.notes)
    assert [entry.row for entry in alone.dropped["all"]] == [41]
    both = _prepare(data, test=str(write_jsonl(tmp_path / "t.jsonl", overlapping_pairs(30, seed=1))))
    assert [note for note in both.notes if "read as pairs" in note] == [alone.notes[0]]
    assert any(note.startswith("train: 1 row can't be used") for note in both.notes)


@pytest.mark.parametrize("seed", range(20))
def test_few_labels_are_never_left_alone_in_train(seed: int, tmp_path: Path) -> None:
    """Of four texts of two labels, train always gets both labels: dev gives way, then the seed of the split."""
    rows = [row | {"label": "ab"[place % 2]} for place, row in enumerate(labelled_texts(4, seed))]
    prepared = _prepare(write_jsonl(tmp_path / "a.jsonl", rows))
    assert isinstance(prepared.splits.train, Labelled)
    assert {text.label for text in prepared.splits.train.texts} == {"a", "b"}
    assert len(prepared.splits.test) >= 1
    assert prepared.split.certificate.sizes["train"] == len(prepared.splits.train)


def test_dev_gives_way_to_train(tmp_path: Path) -> None:
    """Three pairs leave no dev split, and a note says why; two given with a test file are both trained on."""
    three = _prepare(write_jsonl(tmp_path / "three.jsonl", overlapping_pairs(3)))
    assert _sizes(three) == (2, 0, 1)
    assert "too few rows for a dev split" in " ".join(three.notes)
    test = write_jsonl(tmp_path / "t.jsonl", overlapping_pairs(30, seed=1))
    two = _prepare(write_jsonl(tmp_path / "two.jsonl", overlapping_pairs(2)), test=str(test))
    assert _sizes(two) == (2, 0, 30)
    assert "too few rows for a dev split" in " ".join(two.notes)


def test_large_data_keeps_its_seed(tmp_path: Path) -> None:
    """The seed moves only where train could not be learned from."""
    prepared = _prepare(write_jsonl(tmp_path / "a.jsonl", labelled_texts(60)), split={"seed": 5})
    assert prepared.split.certificate.seed == 5
    assert not any("seed" in note for note in prepared.notes)


def test_corpus_joins_every_split(tmp_path: Path) -> None:
    """Distractors are searched among in all splits; labelled texts have no corpus to join."""
    data = write_jsonl(tmp_path / "a.jsonl", overlapping_pairs(40))
    (tmp_path / "more.txt").write_text("dog1 dog2\n\nsun3 sun4\n")
    splits = _prepare(data, corpus=str(tmp_path / "more.txt")).splits
    for part in (splits.train, splits.dev, splits.test):
        assert isinstance(part, Retrieval)
        assert len(part.corpus) == 42
    labelled = write_jsonl(tmp_path / "l.jsonl", labelled_texts(40))
    with pytest.raises(DataError, match="does not go with"):
        _prepare(labelled, corpus=str(tmp_path / "more.txt"))


@pytest.mark.parametrize("name", ["test", "dev", "corpus"])
def test_missing_file_is_found_before_anything_is_read(name: str, tmp_path: Path) -> None:
    """A wrong path beside the data is an error at once, not after minutes of reading."""
    data = write_jsonl(tmp_path / "a.jsonl", overlapping_pairs(40))
    stages = Stages()
    with pytest.raises(UsageError, match="nowhere"):
        _prepare(data, stages, **{name: str(tmp_path / "nowhere.jsonl")})
    assert stages.names == []
