"""What a run leaves in its folder, file by file."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vectune.config import Config
from vectune.config.load import to_toml
from vectune.data.fingerprint import fingerprint
from vectune.encode.loading import save_model
from vectune.encode.resolve import resolve_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.space import space_of, write_space
from vectune.records import Dataset, Dropped, Labelled, Retrieval, Scored, Splits
from vectune.report.card import render_card
from vectune.report.page import render_report
from vectune.store.atomic import write_text
from vectune.store.per_query import write_per_query
from vectune.workflows.judging import Judgement
from vectune.workflows.prepare import Prepared

CONFIG = "config.toml"
_VERSIONS = ("vectune", "torch", "transformers", "sentence-transformers", "tokenizers")


def write_config(folder: Path, config: Config) -> None:
    """config.toml: every setting that the run used."""
    write_text(folder / CONFIG, to_toml(config))


def write_data_files(folder: Path, prepared: Prepared) -> None:
    """split.json, dropped.jsonl and data.json."""
    splits = prepared.splits
    certificate = prepared.split.certificate.as_json()
    _write_json(folder / "split.json", {**certificate, "assignment": _assignment(splits)})
    write_dropped(folder / "dropped.jsonl", prepared.dropped)
    others = {name: report.as_json() for name, report in prepared.others.items()}
    content = prepared.checked.report.as_json() | {"others": others, "fingerprint": fingerprint_of(splits)}
    _write_json(folder / "data.json", content)


def write_dropped(path: Path, dropped: Mapping[str, Iterable[Dropped]]) -> None:
    """One line a dropped row: split (`all` where the source has none), row, reason, content."""
    entries = [{"split": split, **asdict(entry)} for split, part in dropped.items() for entry in part]
    write_text(path, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))


def write_model(folder: Path, encoder: SentenceEncoder, dims: tuple[int, ...]) -> None:
    """model/ with weights, tokenizer, pooling, prompts, and its space."""
    target = folder / "model"
    save_model(encoder.model, target, code=Path(resolve_model(encoder.name).location))
    write_space(space_of(encoder, target, dims), target)


def write_judgement(folder: Path, judgement: Judgement, more: Mapping[str, Any]) -> dict[str, Any]:
    """verdict.json, per_query.parquet and examples.json; gives back the content of verdict.json."""
    versions = {name: version(name) for name in _VERSIONS} | {"python": platform.python_version()}
    content = {**judgement.as_json(), **more, "vectune": version("vectune"), "versions": versions}
    write_per_query(folder / "per_query.parquet", judgement.unit_scores())
    _write_json(folder / "examples.json", judgement.examples_as_json())
    _write_json(folder / "verdict.json", content)
    return content


def write_pages(folder: Path, base_license: str | None) -> None:
    """report.html, and the model card where there is a model."""
    write_text(folder / "report.html", render_report(folder))
    if (folder / "model").is_dir():
        write_text(folder / "model" / "README.md", render_card(folder, base_license))


def fingerprint_of(splits: Splits) -> str:
    """One fingerprint for what is in train, dev and test, and in which."""
    parts = [fingerprint(splits.train), fingerprint(splits.dev), fingerprint(splits.test)]
    return f"sha256:{hashlib.sha256(' '.join(parts).encode()).hexdigest()}"


def _assignment(splits: Splits) -> dict[str, list[str]]:
    return {name: _unit_ids(getattr(splits, name)) for name in ("train", "dev", "test")}


def _unit_ids(data: Dataset) -> list[str]:
    if isinstance(data, Retrieval):
        return list(data.queries)
    rows: tuple[Any, ...] = data.pairs if isinstance(data, Scored) else data.texts if isinstance(data, Labelled) else ()
    return [str(row.row) for row in rows]


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
