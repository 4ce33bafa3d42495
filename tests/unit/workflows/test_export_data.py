"""Which texts an export is calibrated and judged on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import ExportConfig
from vectune.errors import DataError, UsageError
from vectune.monitor.progress import Silent
from vectune.records import Kind, Labelled, LabelledText, Retrieval, Role, Scored, ScoredPair, Splits
from vectune.workflows.export_data import calibration_texts, export_splits, parity_data, run_config


def _retrieval(count: int) -> Retrieval:
    queries = {f"q{i}": f"query {i}" for i in range(count)}
    corpus = {f"d{i}": f"document {i}" for i in range(2 * count)}
    return Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(count)})


def _splits(count: int = 50) -> Splits:
    return Splits(_retrieval(count), _retrieval(count), _retrieval(count))


def test_calibration_takes_both_roles_from_train() -> None:
    """Half queries, half relevant documents, the same ones for the same seed, never more than there are."""
    texts = calibration_texts(_splits(), 20, seed=1)
    assert [role for role, _ in texts] == [Role.QUERY] * 10 + [Role.DOCUMENT] * 10
    assert texts == calibration_texts(_splits(), 20, seed=1) != calibration_texts(_splits(), 20, seed=2)
    assert len(calibration_texts(_splits(), 1000, seed=1)) == 100
    assert len({text for _, text in calibration_texts(_splits(), 1000, seed=1)}) == 100


def test_calibration_of_other_kinds() -> None:
    """Scored pairs and labelled texts have one role."""
    scored = Scored(tuple(ScoredPair(f"a{i}", f"b{i}", 0.5) for i in range(9)))
    labelled = Labelled(tuple(LabelledText(f"t{i}", "x") for i in range(9)))
    for data in (scored, labelled):
        texts = calibration_texts(Splits(data, data, data), 6, seed=0)
        assert len(texts) == 6
        assert {role for role, _ in texts} == {Role.DOCUMENT}


def test_model_without_run_or_data_is_refused(tiny_model_folder: Path) -> None:
    """Nothing could be measured, and nothing is pretended."""
    config = ExportConfig(model=str(tiny_model_folder), format="onnx", out=Path("x"))
    assert run_config(str(tiny_model_folder)) is None
    with pytest.raises(UsageError, match="no dev set"):
        export_splits(config, HashEncoder(), 48, Silent())


@pytest.mark.parametrize(
    ("form", "certificate", "told", "without"),
    [
        ("onnx-int8", False, "no texts to take the ranges of int8 from", False),
        ("static", False, "no texts to distil on", False),
        ("openvino-int8", True, "ranges of int8", False),
        ("openvino", True, "no dev set", True),
    ],
)
def test_without_data_the_hint_is_one_that_helps(
    tiny_model_folder: Path, form: str, certificate: bool, told: str, without: bool
) -> None:
    """`--no-certificate` is named only where the format can be made without texts."""
    values = {"model": str(tiny_model_folder), "format": form, "out": "x", "certificate": certificate}
    config = ExportConfig.model_validate(values)
    with pytest.raises(UsageError, match=told) as refused:
        export_splits(config, HashEncoder(), 48, Silent())
    assert "--data" in refused.value.hint
    assert ("--no-certificate" in refused.value.hint) == without


def test_dev_must_be_large_enough(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Three rows certify nothing."""
    data = write_jsonl(tmp_path / "few.jsonl", overlapping_pairs(12))
    config = ExportConfig(model=str(tiny_model_folder), format="onnx", out=Path("x"), path=str(data))
    with pytest.raises(DataError, match="too few"):
        export_splits(config, HashEncoder(), 48, Silent())


def test_parity_is_measured_on_a_part_of_a_large_dev() -> None:
    """Queries and documents are cut as the config says; dims come from it."""
    config = ExportConfig(model="m", format="onnx", out=Path("x"), queries=8, documents=10, dims=(8, 16))
    data = parity_data(config, _splits())
    assert isinstance(data.dev, Retrieval)
    assert (len(data.dev.queries), len(data.dev.corpus), data.dims) == (8, 10, (16, 8))
    assert data.dev.kind is Kind.PAIRS
