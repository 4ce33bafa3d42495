from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from vectune.config import EncodeConfig, ExportConfig, JudgeConfig
from vectune.errors import DataError, UsageError, VectuneError
from vectune.monitor.progress import Silent
from vectune.workflows.encode import encode
from vectune.workflows.evaluate import evaluate
from vectune.workflows.export import export


class Stages(Silent):
    """Remembers the stages and how far each came."""

    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}
        self.done = 0

    def stage(self, name: str, total: int | None = None) -> None:
        self.totals[name] = total

    def advance(self, amount: int = 1, **values: float) -> None:
        self.done += amount


def _config(model: Path, path: Path, out: Path, **settings: object) -> EncodeConfig:
    return EncodeConfig.model_validate({"model": str(model), "path": str(path), "out": out, **settings})


def test_report_says_what_was_written(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Number of texts, length of the vectors and place are reported; the bar ends full."""
    (tmp_path / "a.txt").write_text("red1\ndog2 cat3\n")
    stages = Stages()
    report = encode(_config(tiny_model_folder, tmp_path / "a.txt", tmp_path / "v.npy", dims=8), stages)
    assert (report.texts, report.dim, report.out) == (2, 8, str(tmp_path / "v.npy"))
    assert report.as_json()["texts"] == 2
    assert stages.totals == {"load model": None, "encode": 2}
    assert stages.done == 2
    assert np.load(tmp_path / "v.npy").shape == (2, 8)


@pytest.mark.parametrize("keep", [True, False])
def test_the_allocator_is_left_alone_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool) -> None:
    """mallopt holds for the whole process, so each command that does it can be told not to."""
    asked: list[str] = []
    # mallopt can't be taken back in a process, nor be asked for what it was told: so who calls it is replaced.
    for name in ("encode", "evaluate", "export"):
        monkeypatch.setattr(f"vectune.workflows.{name}.keep_large_blocks", lambda name=name: asked.append(name))
    (tmp_path / "a.txt").write_text("red1\n")
    nowhere = {"model": str(tmp_path / "none"), "path": str(tmp_path / "a.txt"), "keep_large_blocks": keep}
    out = {"out": tmp_path / "v.npy"}
    with pytest.raises(VectuneError):
        encode(EncodeConfig.model_validate(nowhere | out), Silent())
    with pytest.raises(VectuneError):
        evaluate(JudgeConfig.model_validate(nowhere), Silent())
    with pytest.raises(VectuneError):
        export(ExportConfig.model_validate(nowhere | out | {"format": "onnx"}), Silent())
    assert asked == (["encode", "evaluate", "export"] if keep else [])


@pytest.mark.parametrize(
    ("path", "out", "found"),
    [("a.txt", "v.txt", "ends in none"), ("a.txt", "no/v.npy", "no folder"), ("nowhere.txt", "v.npy", "no file")],
)
def test_wrong_paths_are_found_before_the_model_is_loaded(path: str, out: str, found: str, tmp_path: Path) -> None:
    """What is wrong with input or output is said at once, not after an hour of encoding."""
    (tmp_path / "a.txt").write_text("red1\n")
    stages = Stages()
    with pytest.raises(UsageError, match=found):
        encode(_config(tmp_path / "no model", tmp_path / path, tmp_path / out), stages)
    assert stages.totals == {}


@pytest.mark.parametrize(("content", "found"), [("", "holds no text"), ("one\n\ntwo\n", "no text in line 2")])
def test_vectors_never_shift(content: str, found: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    """A file without texts, or with a gap that would shift the vectors after it, is an error; nothing is written."""
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match=found):
        encode(_config(tiny_model_folder, tmp_path / "a.txt", tmp_path / "v.npy"), Silent())
    assert not (tmp_path / "v.npy").exists()


@pytest.mark.parametrize(
    ("kind", "dtype", "width"), [("float16", np.float16, 20), ("int8", np.int8, 20), ("binary", np.uint8, 3)]
)
def test_types_are_written_and_their_loss_told(
    tiny_model_folder: Path, tmp_path: Path, kind: str, dtype: type, width: int
) -> None:
    """All three forms hold the same values; what was lost against float32 is measured on these very texts."""
    texts = "\n".join(f"red{number} dog{number} sun{24 - number}" for number in range(25))
    (tmp_path / "a.txt").write_text(texts)
    forms: dict[str, np.ndarray] = {}
    for ending in ("npy", "parquet", "jsonl"):
        out = tmp_path / f"v.{ending}"
        report = encode(_config(tiny_model_folder, tmp_path / "a.txt", out, type=kind, dims=20), Silent())
        assert (report.type, report.dim) == (kind, 20)
        assert report.loss is not None
        assert 0.5 < report.loss["cosine"] <= 1.0001
        assert 0 < report.loss["top_10"] <= 1
    forms["npy"] = np.load(tmp_path / "v.npy")
    table = pq.read_table(tmp_path / "v.parquet")
    forms["parquet"] = np.array(table["vector"].to_pylist())
    lines = (tmp_path / "v.jsonl").read_text().splitlines()
    forms["jsonl"] = np.array([json.loads(line)["vector"] for line in lines])
    assert forms["npy"].dtype == dtype
    assert table.schema.metadata[b"vectune.type"].decode() == kind
    for values in forms.values():
        assert values.shape == (25, width)
        np.testing.assert_array_equal(values.astype(np.float32), forms["npy"].astype(np.float32))


def test_backends_agree(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The named runtime encodes, with the same vectors."""
    (tmp_path / "a.txt").write_text("red1 dog2\ncat3 sun4 sun5\n")
    found = []
    for backend in ("torch", "openvino", "onnx"):
        out = tmp_path / f"{backend}.npy"
        encode(_config(tiny_model_folder, tmp_path / "a.txt", out, backend=backend, precision="fp32"), Silent())
        found.append(np.load(out))
    np.testing.assert_allclose(found[1], found[0], atol=2e-3)  # its weights are kept in fp16
    np.testing.assert_allclose(found[2], found[0], atol=1e-5)
