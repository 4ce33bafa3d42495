from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.run_folder import write_run_folder
from tests.unit.report.conftest import MakeRun
from vectune.errors import NotFound, StorageError
from vectune.report.contents import read_contents


def test_everything_is_read(make_run: MakeRun) -> None:
    """A whole folder gives every part."""
    run = make_run()
    assert run.measure == "ndcg@10"
    assert run.dims() == [384, 256, 128, 64, 32]
    assert len(run.events("train")) == 96
    assert run.split["components"] == 1873
    assert run.data["rows_read"] == 2205
    assert run.space["pooling"] == "mean"
    assert run.config["split"]["shares"] == [0.7, 0.1, 0.2]
    assert run.unreadable == ()


def test_scores_are_found_by_model_measure_and_dimension(make_run: MakeRun) -> None:
    """Without a dimension it is the longest one; what was not measured is None."""
    run = make_run()
    assert run.measured("tuned", "ndcg@10") == 0.512
    assert run.measured("base", "ndcg@10", 64) == pytest.approx(0.344 * 0.81, abs=1e-3)
    assert run.measured("bm25", "ndcg@10") == 0.391
    assert run.measured("tuned", "ndcg@10", 100) is None
    assert run.measured("nobody", "ndcg@10") is None


def test_absent_files_are_empty_parts(make_run: MakeRun) -> None:
    """Only the verdict must be there."""
    names = ("config.toml", "split.json", "metrics.jsonl", "data.json", "examples.json", "model/vectune_space.json")
    run = make_run(without=names)
    assert (run.metrics, run.split, run.data, run.examples, run.space) == ((), {}, {}, {}, {})
    assert (run.config_text, run.unreadable) == ("", ())


def test_damaged_files_are_named(tmp_path: Path) -> None:
    """A part that can't be read is empty and named; a damaged verdict is an error."""
    folder = write_run_folder(tmp_path / "run")
    (folder / "split.json").write_text("{")
    (folder / "config.toml").write_bytes(b"\xff = [")
    assert read_contents(folder).unreadable == ("config.toml", "split.json")
    (folder / "verdict.json").write_text("{")
    with pytest.raises(StorageError):
        read_contents(folder)
    (folder / "verdict.json").unlink()
    with pytest.raises(NotFound):
        read_contents(folder)


def test_other_models_and_empty_bm25(make_run: MakeRun) -> None:
    """Further judged models are told apart from the three usual ones; BM25 without scores does not count."""
    scores = {"384": {"ndcg@10": 0.4}}
    run = make_run(changes={"measures": {"base": scores, "tuned": scores, "rival": scores, "bm25": {"all": {}}}})
    assert run.others() == ["rival"]
    assert not run.judged_by_bm25()
    assert make_run().judged_by_bm25()
