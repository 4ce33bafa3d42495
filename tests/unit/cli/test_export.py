"""`vectune export` tells what was made and what was lost."""

from __future__ import annotations

from pathlib import Path

from tests.functional.command_line import run_here
from vectune.cli.export import _lines


def test_command_makes_a_folder(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The flags reach the workflow; an uncertified folder is called so; `encode` and `evaluate` take it as a model."""
    out = tmp_path / "out"
    done = run_here("export", tiny_model_folder, "--format", "onnx", "--out", out, "--no-certificate")
    assert done.status == 0, done.err
    assert "uncertified" in done.out
    (tmp_path / "texts.txt").write_text("red1 blue2\ncat3\n")
    encoded = run_here("encode", out, tmp_path / "texts.txt", "--out", tmp_path / "v.npy", "--type", "int8", "--json")
    assert encoded.json["type"] == "int8"
    assert encoded.json["loss"]["cosine"] > 0.99


def test_lines_tell_both_sizes_where_they_differ() -> None:
    """A table of 256 dims is not called one of 384."""
    at = {"trained": 0.5, "exported": 0.4, "loss": 0.1}
    dims = {
        "384": at | {"trained_dims": 384, "exported_dims": 256},
        "128": at | {"trained_dims": 128, "exported_dims": 128},
    }
    parity = {"texts": 9, "units": 5, "cosine": {"min": None, "mean": None}, "measure": "ndcg@10", "dims": dims}
    lines = _lines({"format": "static", "megabytes": 1.0, "folder": "out", "parity": parity})
    assert "at 384 (of the export 256) dims" in lines[1]
    assert "at 128 dims" in lines[2]


def test_wrong_format_names_the_right_ones(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A format that does not exist is a setting that can't be used."""
    done = run_here("export", tiny_model_folder, "--format", "gguf", "--out", tmp_path / "out")
    assert done.status == 2
    assert "openvino" in done.error


def test_dry_run_shows_the_settings(tmp_path: Path) -> None:
    """Nothing is made."""
    done = run_here(
        "export", "model", "--format", "static", "--out", tmp_path / "out", "--data", "d.jsonl", "--dry-run"
    )
    assert done.status == 0
    assert 'path = "d.jsonl"' in done.out
    assert not (tmp_path / "out").exists()
