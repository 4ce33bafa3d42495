from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.word_rows import labelled_texts, overlapping_pairs, write_jsonl
from vectune.config import JudgeConfig
from vectune.errors import ConfigError, DataError, StorageError
from vectune.monitor.progress import Silent
from vectune.workflows.evaluate import Evaluation, evaluate

QUICK = {"general": False, "resamples": 200}


def _judge(model: Path, path: Path, **settings: object) -> Evaluation:
    content = {"model": str(model), "path": str(path), "against": [str(model)], "evaluate": QUICK, **settings}
    return evaluate(JudgeConfig.model_validate(content), Silent())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labelled texts in a train and a test file."""
    (tmp_path / "data").mkdir()
    write_jsonl(tmp_path / "data" / "train.jsonl", labelled_texts(40))
    write_jsonl(tmp_path / "data" / "test.jsonl", labelled_texts(20, seed=1))
    return tmp_path / "data"


def test_named_split_is_judged(tiny_model_folder: Path, folder: Path) -> None:
    """Of a source with splits the test split is judged, or the one named; one that is not there is an error."""
    assert _judge(tiny_model_folder, folder).verdict["queries"] == 20
    assert _judge(tiny_model_folder, folder, split="train").verdict["queries"] == 40
    with pytest.raises(DataError, match="no split dev, only"):
        _judge(tiny_model_folder, folder, split="dev")


def test_train_texts_vote_for_test_texts(tiny_model_folder: Path, folder: Path) -> None:
    """Labelled test texts are told by those of train where the source has them, else by one another."""
    with_train = _judge(tiny_model_folder, folder).verdict["measures"]["tuned"]["32"]["knn_accuracy"]
    alone = _judge(tiny_model_folder, folder / "test.jsonl").verdict["measures"]["tuned"]["32"]["knn_accuracy"]
    assert with_train != alone


def test_nothing_is_written_unless_asked(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Without `out` the verdict is only given back; with it, it lies there too, and never on top of something."""
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(20))
    assert _judge(tiny_model_folder, data).folder is None
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.jsonl"]
    judged = _judge(tiny_model_folder, data, out=tmp_path / "judged")
    assert judged.folder == tmp_path / "judged"
    written = json.loads((tmp_path / "judged" / "verdict.json").read_text())
    assert written["verdict"] == judged.verdict["verdict"] == "undecided"
    with pytest.raises(StorageError, match="already there"):
        _judge(tiny_model_folder, tmp_path / "nowhere", out=tmp_path / "judged")


def test_dims_beyond_the_model_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A dimension that the judged model does not have is an error, not left out in silence."""
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(20))
    with pytest.raises(ConfigError, match="have 32 values"):
        _judge(tiny_model_folder, data, evaluate={**QUICK, "dims": [64]})


def test_more_documents_make_the_search_harder(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Distractors join the corpus: copies of the queries' own words push relevant documents down."""
    rows = overlapping_pairs(20)
    data = write_jsonl(tmp_path / "pairs.jsonl", rows)
    corpus = write_jsonl(tmp_path / "corpus.jsonl", [{"text": f"{row['query']} red{i}"} for i, row in enumerate(rows)])
    alone = _judge(tiny_model_folder, data).verdict["tuned"]
    assert _judge(tiny_model_folder, data, corpus=str(corpus)).verdict["tuned"] < alone


def test_a_corpus_for_labelled_texts_is_refused(tiny_model_folder: Path, folder: Path) -> None:
    """There is nothing to search among."""
    with pytest.raises(DataError, match="does not go with labelled"):
        _judge(tiny_model_folder, folder / "test.jsonl", corpus=str(folder / "train.jsonl"))
