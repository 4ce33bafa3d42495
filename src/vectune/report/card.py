"""The model card: what the model is, where it comes from and what proves it (README.md beside the weights)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vectune.report import card_sections
from vectune.report.contents import RunContents, read_contents
from vectune.report.values import label, mapping, number

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_CLEAR, _HEARD = 0.9, 0.05
_TAGS = ("sentence-transformers", "sentence-similarity", "feature-extraction", "vectune")


def render_card(folder: Path, base_license: str | None) -> str:
    """Markdown with YAML front matter, as the Hugging Face hub reads it, for the model of the run at `folder`.

    `base_license` is the licence identifier of the base model (such as apache-2.0), None when it is not known. Raises
    NotFound without a verdict.json, StorageError when it is damaged.
    """
    run = read_contents(folder)
    parts = [
        _front_matter(run, base_license),
        card_sections.title(run),
        card_sections.verdict(run),
        card_sections.usage(run),
        card_sections.measures(run),
        card_sections.dimensions(run),
        card_sections.vectors(run),
        card_sections.data(run),
        card_sections.certificate(run),
        card_sections.limits(run),
        card_sections.licence(run, base_license),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(run: RunContents, base_license: str | None) -> str:
    library = "vectune" if card_sections.is_remote(run) else "sentence-transformers"
    content: dict[str, Any] = {"library_name": library, "pipeline_tag": "sentence-similarity"}
    languages = spoken(mapping(mapping(run.data.get("profile")).get("languages")))
    if languages:
        content["language"] = languages
    if base_license:
        content["license"] = base_license
    if _HUB_NAME.fullmatch(run.base_model) and not Path(run.base_model).exists():
        content["base_model"] = run.base_model
    content["tags"] = [tag for tag in _TAGS if tag in (library, *_TAGS[1:])]
    content["model-index"] = _results(run)
    return "---\n" + "\n".join(_yaml(content)) + "\n---"


def spoken(shares: Mapping[str, Any]) -> list[str]:
    """The languages to name, the commonest first: those with 5 % or more, if they make up nine tenths together."""
    known = {name: number(share) or 0.0 for name, share in shares.items() if _LANGUAGE.fullmatch(name)}
    heard = sorted((name for name, share in known.items() if share >= _HEARD), key=lambda name: -known[name])
    return heard if sum(known[name] for name in heard) >= _CLEAR else []


def _results(run: RunContents) -> list[dict[str, Any]]:
    longest = max(run.dims(), default=None)
    found = run.measures_of("tuned").get(str(longest), {})
    metrics = [
        {"type": name, "name": label(name), "value": round(value, 4)}
        for name, score in found.items()
        if (value := number(score)) is not None
    ]
    if not metrics:
        return []
    dataset = {"type": "custom", "name": f"test split of {card_sections.source(run)}"}
    task = {"type": "sentence-similarity", "name": str(run.verdict.get("kind") or "pairs")}
    return [{"name": run.name, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}]


def _yaml(content: Mapping[str, Any], depth: int = 0) -> list[str]:
    """YAML lines of plain values; texts are quoted as JSON does, which YAML reads alike."""
    lines: list[str] = []
    for key, value in content.items():
        lead = "  " * depth + f"{key}:"
        if isinstance(value, Mapping):
            lines += [lead, *_yaml(value, depth + 1)]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            if value:
                lines += [lead, *(line for entry in value for line in _item(entry, depth))]
        else:
            lines.append(f"{lead} {json.dumps(value)}")
    return lines


def _item(entry: Any, depth: int) -> list[str]:
    dash = "  " * depth + "- "
    if not isinstance(entry, Mapping):
        return [dash + json.dumps(entry)]
    inner = _yaml(entry, depth + 1)
    return [dash + inner[0].lstrip(), *inner[1:]]
