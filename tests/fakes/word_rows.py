"""Rows of every kind of data, written in the words that the tiny model knows."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.fakes.tiny_model import WORDS

Row = dict[str, Any]


def overlapping_pairs(count: int, seed: int = 0) -> list[Row]:
    """Queries of three words; two of them stand in the document: a model that was never trained finds some."""
    draw = random.Random(seed)
    drawn = (draw.sample(WORDS, 10) for _ in range(count))
    return [{"query": " ".join(words[:3]), "positive": " ".join(words[1:])} for words in drawn]


def code_pairs(count: int, seed: int = 0) -> list[Row]:
    """Queries in `red` words, documents in the `cat` words of the same numbers: what only training can teach."""
    draw = random.Random(seed)
    numbers = [draw.sample(range(25), 4) for _ in range(count)]
    return [
        {"query": " ".join(f"red{n}" for n in chosen), "positive": " ".join(f"cat{n}" for n in chosen[::-1])}
        for chosen in numbers
    ]


def triplets(count: int, seed: int = 0) -> list[Row]:
    """Pairs with one negative of other words."""
    draw = random.Random(seed)
    return [row | {"negative": " ".join(draw.sample(WORDS, 9))} for row in overlapping_pairs(count, seed)]


def scored_pairs(count: int, seed: int = 0) -> list[Row]:
    """Two sentences of eight words and the share of words that they have in common."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        words, shared = draw.sample(WORDS, 16), draw.randrange(9)
        second = words[:shared] + words[8 : 16 - shared]
        draw.shuffle(second)
        rows.append({"sentence1": " ".join(words[:8]), "sentence2": " ".join(second), "score": shared / 8})
    return rows


def labelled_texts(count: int, seed: int = 0) -> list[Row]:
    """Texts of six words, four of them of the kind that is the label."""
    draw = random.Random(seed)
    rows = []
    for place in range(count):
        label = ("red", "dog", "sun", "bug")[place % 4]
        words = [f"{label}{n}" for n in draw.sample(range(25), 4)] + draw.sample(WORDS, 2)
        draw.shuffle(words)
        rows.append({"text": " ".join(words), "label": label})
    return rows


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """One row a line; gives the path back."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
