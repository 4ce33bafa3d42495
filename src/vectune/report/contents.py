"""What a run folder holds, read once for the report and the model card."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectune.errors import StorageError
from vectune.monitor.metric_log import read_metrics
from vectune.report.values import mapping, number
from vectune.store.run_folder import read_json, read_verdict, run_name


@dataclass(frozen=True)
class RunContents:
    """The files of a run; a part that is absent is empty. `unreadable` names the files that are there but damaged."""

    name: str
    verdict: dict[str, Any]
    metrics: tuple[dict[str, Any], ...]
    split: dict[str, Any]
    data: dict[str, Any]
    examples: dict[str, Any]
    space: dict[str, Any]
    config_text: str
    config: dict[str, Any]
    unreadable: tuple[str, ...] = ()

    @property
    def measure(self) -> str:
        """The measure that decided."""
        return str(self.verdict.get("measure", ""))

    @property
    def base_model(self) -> str:
        """The name of the model that the tuned one is compared with."""
        return str(self.verdict.get("base_model") or "the base model")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The measurements of one kind: train, dev, interpolation or stage."""
        return [entry for entry in self.metrics if entry.get("event") == kind]

    def dims(self) -> list[int]:
        """Every dimension that some model was judged at, the largest first."""
        models = (self.measures_of(model) for model in ("base", "tuned"))
        return sorted({int(dim) for found in models for dim in found if dim.isdecimal()}, reverse=True)

    def measures_of(self, model: str) -> dict[str, dict[str, Any]]:
        """Dimension -> measure -> score of `base`, `tuned` or `bm25` (whose only dimension is `all`)."""
        found = mapping(mapping(self.verdict.get("measures")).get(model))
        return {str(dim): mapping(scores) for dim, scores in found.items()}

    def others(self) -> list[str]:
        """The names of further models that were judged beside base and tuned."""
        return [name for name in mapping(self.verdict.get("measures")) if name not in ("base", "tuned", "bm25")]

    def judged_by_bm25(self) -> bool:
        """Whether BM25 has scores: it ranks, so it has none on scored pairs."""
        return any(self.measures_of("bm25").values())

    def measured(self, model: str, measure: str, dim: int | None = None) -> float | None:
        """One score: at `dim`, or where the model's vectors are longest; None when it was not measured."""
        found = self.measures_of(model)
        if dim is not None:
            return number(found.get(str(dim), {}).get(measure))
        longest = max(found, key=lambda key: int(key) if key.isdecimal() else 0, default=None)
        return None if longest is None else number(found[longest].get(measure))


def read_contents(folder: Path) -> RunContents:
    """Read the run at `folder`. Raises NotFound without a verdict there, StorageError when that is damaged."""
    folder = Path(folder)
    unreadable: list[str] = []

    def optional(name: str) -> dict[str, Any]:
        try:
            return read_json(folder / name) or {}
        except StorageError:
            unreadable.append(name)
            return {}

    verdict = read_verdict(folder)
    config_text, config = _read_config(folder / "config.toml", unreadable)
    return RunContents(
        name=run_name(folder),
        verdict=verdict,
        metrics=tuple(read_metrics(folder / "metrics.jsonl")),
        split=optional("split.json"),
        data=optional("data.json"),
        examples=optional("examples.json"),
        space=optional("model/vectune_space.json"),
        config_text=config_text,
        config=config,
        unreadable=tuple(unreadable),
    )


def _read_config(file: Path, unreadable: list[str]) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        return "", {}
    except (OSError, ValueError):
        unreadable.append(file.name)
        return "", {}
