"""The worker opens a tuned model before the server does."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vectune.jobs.first_load import load_once
from vectune.store.cache_folder import cache_folder


def exports() -> set[Path]:
    return set((cache_folder() / "graphs").glob("o*"))


def test_export_is_there_before_it_is_asked_for(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache has the model's export afterwards, and a second call makes none."""
    pytest.importorskip("openvino")
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    load_once(tiny_model_folder, tmp_path / "loaded", "openvino")
    (made,) = exports()
    assert made.name.startswith("openvino-")
    assert (tmp_path / "loaded").is_file()


def test_only_once_and_only_where_it_is_needed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a mark, or a runtime that loads models as they are, the model is not even looked at."""
    with caplog.at_level(logging.ERROR):
        for backend in ("torch", "static", None):
            load_once(tmp_path / "none", tmp_path / "mark", backend)  # type: ignore[arg-type]
        assert not (tmp_path / "mark").exists()
        (tmp_path / "mark").touch()
        load_once(tmp_path / "none", tmp_path / "mark", "openvino")
    assert not caplog.records


def test_model_without_an_export_is_still_a_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What can't be opened is logged and left to the server; it is not tried again."""
    with caplog.at_level(logging.ERROR):
        load_once(tmp_path / "none", tmp_path / "mark", "openvino")
    assert "could not be opened" in caplog.text
    assert (tmp_path / "mark").is_file()
