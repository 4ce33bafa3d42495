"""Splits that were read apart, brought together over one corpus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

from vectune.data.normal import normal
from vectune.records import Dataset, Retrieval, Splits


def join_splits(parts: Mapping[str, Dataset]) -> Splits:
    """`train`, `dev` and `test` as Splits.

    Retrieval sets with equal corpora keep their ids. Others get one corpus: documents with equal texts become one
    document, and ids are given the split's name in front, since two files number their rows alike.
    """
    if not all(isinstance(data, Retrieval) for data in parts.values()):
        return Splits(**parts)
    retrievals = {name: cast(Retrieval, data) for name, data in parts.items()}
    corpus = next(iter(retrievals.values())).corpus
    if all(data.corpus == corpus for data in retrievals.values()):
        return Splits(**{name: replace(data, corpus=corpus) for name, data in retrievals.items()})
    return Splits(**_one_corpus(retrievals))


def add_documents(splits: Splits, texts: Iterable[str]) -> Splits:
    """The splits with more documents to search among; texts that the corpus has already are left out."""
    corpus = widened(cast(Retrieval, splits.train).corpus, texts)
    parts = (cast(Retrieval, part) for part in (splits.train, splits.dev, splits.test))
    return Splits(*(replace(part, corpus=corpus) for part in parts))


def widened(corpus: Mapping[str, str], texts: Iterable[str]) -> dict[str, str]:
    """The corpus with more documents, called `corpus:NUMBER`; texts that it has already are left out."""
    corpus = dict(corpus)
    known = {normal(text) for text in corpus.values()}
    for number, text in enumerate(texts, start=1):
        key = normal(text)
        if key not in known:
            known.add(key)
            corpus[f"corpus:{number}"] = text
    return corpus


def _one_corpus(parts: Mapping[str, Retrieval]) -> dict[str, Retrieval]:
    corpus: dict[str, str] = {}
    by_text: dict[str, str] = {}
    renamed: dict[str, dict[str, str]] = {}
    for name, data in parts.items():
        ids = renamed[name] = {}
        for old, text in data.corpus.items():
            ids[old] = by_text.setdefault(normal(text), f"{name}:{old}")
            corpus.setdefault(ids[old], text)
    return {name: _renamed(data, name, renamed[name], corpus) for name, data in parts.items()}


def _renamed(data: Retrieval, name: str, ids: Mapping[str, str], corpus: Mapping[str, str]) -> Retrieval:
    return replace(
        data,
        queries={f"{name}:{query}": text for query, text in data.queries.items()},
        corpus=corpus,
        qrels={f"{name}:{query}": {ids[d]: g for d, g in grades.items()} for query, grades in data.qrels.items()},
        negatives={f"{name}:{query}": tuple(ids[d] for d in docs) for query, docs in data.negatives.items()},
        scores={f"{name}:{query}": {ids[d]: s for d, s in found.items()} for query, found in data.scores.items()},
    )
