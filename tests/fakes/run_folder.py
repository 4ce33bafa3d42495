"""A complete run folder without a run: invented but likely numbers of a small help desk."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import tomli_w

from vectune.store.per_query import UnitScores, write_per_query

HOSTILE = "<script>alert('x')</script> & \"quotes\" <img src=x onerror=alert(1)> \ud800\x00"
_MEASURES = ("ndcg@10", "map@100", "mrr@10", "recall@1", "recall@5", "recall@10", "recall@100")
_BASE = (0.344, 0.302, 0.318, 0.241, 0.402, 0.478, 0.702)
_TUNED = (0.512, 0.461, 0.483, 0.377, 0.588, 0.655, 0.861)
_BM25 = (0.391, 0.352, 0.371, 0.288, 0.449, 0.521, 0.688)
_KEPT = {384: (1.0, 1.0), 256: (0.985, 0.996), 128: (0.93, 0.981), 64: (0.81, 0.942), 32: (0.62, 0.871)}


def write_run_folder(
    folder: Path,
    *,
    kind: str = "pairs",
    dims: tuple[int, ...] = (384, 256, 128, 64, 32),
    without: Collection[str] = (),
    changes: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Path:
    """Write a run's files to `folder`, but for those named in `without`; `changes` replace keys of verdict.json."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = _verdict(kind, dims)
    verdict = plain | dict(changes or {})
    writers = {
        "verdict.json": lambda path: path.write_bytes(orjson.dumps(verdict, option=orjson.OPT_INDENT_2)),
        "config.toml": lambda path: path.write_text(tomli_w.dumps(_config(dims)), encoding="utf-8"),
        "split.json": lambda path: path.write_bytes(orjson.dumps(_split())),
        "metrics.jsonl": lambda path: path.write_bytes(b"".join(orjson.dumps(e) + b"\n" for e in _events(seed, plain))),
        "data.json": lambda path: path.write_bytes(orjson.dumps(_data(kind))),
        "examples.json": lambda path: path.write_bytes(orjson.dumps(_examples())),
        "dropped.jsonl": lambda path: path.write_bytes(orjson.dumps({"row": 7, "reason": "empty text"}) + b"\n"),
        "per_query.parquet": lambda path: write_per_query(path, _per_query(kind, seed)),
        "model/vectune_space.json": _write_space,
    }
    for name, write in writers.items():
        if name not in without:
            write(folder / name)
    return folder


def _verdict(kind: str, dims: tuple[int, ...]) -> dict[str, Any]:
    return _retrieval(dims) if kind in ("pairs", "triplets") else _PLAIN[kind](dims)


def _retrieval(dims: tuple[int, ...]) -> dict[str, Any]:
    measures = {
        "base": {
            str(dim): dict(zip(_MEASURES, [round(v * _KEPT[dim][0], 4) for v in _BASE], strict=True)) for dim in dims
        },
        "tuned": {
            str(dim): dict(zip(_MEASURES, [round(v * _KEPT[dim][1], 4) for v in _TUNED], strict=True)) for dim in dims
        },
        "bm25": {"all": dict(zip(_MEASURES, _BM25, strict=True))},
    }
    targets = {"recall@10": 0.9, "mrr@10": 0.7, "ndcg@10": 0.75, "map@100": 0.45}
    top = measures["tuned"][str(dims[0])]
    return _common(dims) | {
        "kind": "pairs",
        "sentence": "Ship: ndcg@10 goes from 0.344 to 0.512, by +0.168 (95 % interval +0.139 to +0.197, 428 queries).",
        "measure": "ndcg@10",
        "base": 0.344,
        "tuned": 0.512,
        "bm25": 0.391,
        "difference": 0.168,
        "interval": [0.139, 0.197],
        "intervals": {"base": [0.311, 0.377], "tuned": [0.478, 0.546], "bm25": [0.356, 0.427]},
        "targets": {
            name: {"target": target, "value": top[name], "reached": top[name] >= target}
            for name, target in targets.items()
        },
        "measures": measures,
    }


def _scored(dims: tuple[int, ...]) -> dict[str, Any]:
    measures = {
        "base": {str(dim): {"spearman": 0.82 * _KEPT[dim][0], "pearson": 0.827 * _KEPT[dim][0]} for dim in dims},
        "tuned": {str(dim): {"spearman": 0.848 * _KEPT[dim][1], "pearson": 0.851 * _KEPT[dim][1]} for dim in dims},
    }
    return _common(dims) | _plain("scored", "spearman", 0.82, 0.848, measures)


def _labelled(dims: tuple[int, ...]) -> dict[str, Any]:
    measures = {
        "base": {str(dim): {"knn_accuracy": 0.87 * _KEPT[dim][0], "probe_accuracy": 0.9} for dim in dims},
        "tuned": {str(dim): {"knn_accuracy": 0.921 * _KEPT[dim][1], "probe_accuracy": 0.93} for dim in dims},
    }
    return _common(dims) | _plain("labelled", "knn_accuracy", 0.87, 0.921, measures)


_PLAIN = {"scored": _scored, "labelled": _labelled}


def _plain(kind: str, measure: str, base: float, tuned: float, measures: dict[str, Any]) -> dict[str, Any]:
    difference = round(tuned - base, 4)
    return {
        "kind": kind,
        "sentence": f"The tuned model is better on {measure}.",
        "measure": measure,
        "base": base,
        "tuned": tuned,
        "bm25": None,
        "difference": difference,
        "interval": [round(difference - 0.01, 4), round(difference + 0.01, 4)],
        "intervals": {"base": [base - 0.02, base + 0.02], "tuned": [tuned - 0.02, tuned + 0.02]},
        "targets": {},
        "measures": measures,
    }


def _common(dims: tuple[int, ...]) -> dict[str, Any]:
    return {
        "verdict": "ship",
        "p": 0.0001,
        "smallest_detectable": 0.041,
        "queries": 428,
        "queries_to_decide": None,
        "confidence": 0.95,
        "general": {"base": 0.871, "tuned": 0.864},
        "dims": list(dims),
        "interpolation": 0.75,
        "base_model": "sentence-transformers/all-MiniLM-L6-v2",
        "tuned_model": "model",
        "recipe": {"loss": "info_nce", "epochs": 4.0, "batch_size": 64, "learning_rate": 2e-05},
        "rows": {"train": 1498, "dev": 214, "test": 428},
        "seconds": {
            "read": 1.2,
            "check": 3.4,
            "split": 0.9,
            "baselines": 14.8,
            "train": 81.2,
            "judge": 22.5,
            "save": 1.1,
        },
        "vectune": "0.1.0",
        "versions": {"python": "3.11.7", "torch": "2.13.0", "sentence-transformers": "6.2.0", "transformers": "5.23.0"},
    }


def _config(dims: tuple[int, ...]) -> dict[str, Any]:
    return {
        "path": "tickets.jsonl",
        "base": "sentence-transformers/all-MiniLM-L6-v2",
        "split": {"shares": [0.7, 0.1, 0.2], "seed": 0},
        "train": {"loss": "auto", "epochs": 4.0, "batch_size": 64, "learning_rate": 2e-5, "dims": list(dims)},
        "evaluate": {"measure": "auto", "resamples": 10000, "verdict": {"max_general_drop": 0.03}},
    }


def _split() -> dict[str, Any]:
    zero = {"queries": 0, "documents": 0, "near_duplicates": 0}
    return {
        "sizes": {"train": 1498, "dev": 214, "test": 428},
        "overlaps": {"train/dev": zero, "train/test": zero, "dev/test": zero},
        "method": "components by hash",
        "seed": 0,
        "shares": [0.7, 0.1, 0.2],
        "components": 1873,
        "giant": None,
        "uncompared": {},
        "removed": 0,
        "clean": True,
        "notes": ["The largest component holds 1.2 % of the rows."],
        "assignment": {"train": ["q1", "q2"], "dev": ["q3"], "test": ["q4"]},
    }


def _events(seed: int, verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    steps, epoch_steps, measure = 96, 24, verdict["measure"]
    events: list[dict[str, Any]] = [{"event": "stage", "name": "read", "seconds": 1.2}]
    start, best = verdict["base"], verdict["base"]
    events.append({"event": "dev", "step": 0, "epoch": 0.0, "measure": measure, "score": start, "best": True})
    for step in range(1, steps + 1):
        loss = 0.45 + 1.9 * np.exp(-step / 18) + random.normal(0, 0.09)
        warm = min(step / 9, 0.5 * (1 + np.cos(np.pi * step / steps)))
        events.append(
            {
                "event": "train",
                "step": step,
                "epoch": round(step / epoch_steps, 3),
                "loss": round(float(loss), 4),
                "learning_rate": round(2e-5 * float(warm), 9),
                "rows_per_second": round(18.2 + float(random.normal(0, 0.4)), 1),
                "seconds": round(step * 0.84, 2),
            }
        )
        if step % 6 == 0:
            gain = (verdict["tuned"] - start) * (1 - np.exp(-step / 20)) * (1.03 if step < 80 else 1.0)
            score = round(start + float(gain) + float(random.normal(0, 0.004)), 4)
            events.append(
                {"event": "dev", "step": step, "epoch": step / epoch_steps, "measure": measure, "score": score}
            )
            events[-1]["best"] = score > best
            best = max(best, score)
    for share, score in ((0.25, 0.44), (0.5, 0.51), (0.75, 0.527), (1.0, 0.521)):
        events.append({"event": "interpolation", "share": share, "score": score})
    return [*events, {"event": "stage", "name": "train", "seconds": 81.2}]


def _data(kind: str) -> dict[str, Any]:
    return {
        "source": "tickets.jsonl",
        "shape": "pairs",
        "kind": kind,
        "rows_read": 2205,
        "rows_kept": 2140,
        "dropped": {"exact duplicate": 41, "near-duplicate": 17, "empty text": 6, "not a text": 1},
        "findings": [
            {
                "code": "cut_texts",
                "count": 214,
                "message": "214 documents are cut at 256 tokens (rows 3, 19, 27).",
                "examples": [3, 19, 27],
            },
            {
                "code": "same_text_two_ids",
                "count": 2,
                "message": "2 texts have two ids (rows 8 and 90).",
                "examples": [8, 90],
            },
        ],
        "profile": {
            "lengths": {
                "query": {"min": 2, "median": 10.0, "p95": 24.0, "max": 61},
                "document": {"min": 11, "median": 92.0, "p95": 231.0, "max": 548},
            },
            "languages": {"en": 0.962, "de": 0.021, "fr": 0.017},
            "truncated": {"query": 0.0, "document": 0.1},
        },
        "said": ["Read as pairs: `question` is the query, `answer` is the document."],
        "fingerprint": "sha256:5f1c0a9be2d34477a8f01f8f53f0a7b4a6a9c0d2f0e67fd1b6d2a8d1c3f4e5a6",
    }


def _examples() -> dict[str, Any]:
    def example(unit: str, query: str, scores: tuple[float, float], texts: tuple[str, str, str]) -> dict[str, Any]:
        names = ("relevant", "base_top", "tuned_top")
        return {
            "unit": unit,
            "query": query,
            "base": scores[0],
            "tuned": scores[1],
            **dict(zip(names, texts, strict=True)),
        }

    kiln = "A kiln profile that stops at segment 3 waits for the soak sensor. Clean the sensor tip, then press Resume."
    quota = "The quota counter starts anew on the first day of the month at midnight, in the time zone of the account."
    door = "The door latch reports OPEN until the hinge switch clicks. Tighten the lower hinge by a quarter turn."
    wins = [
        example("q17", "kiln hangs in segment 3", (0.0, 1.0), (kiln, quota, kiln)),
        example("q203", "when does my quota reset?", (0.315, 1.0), (quota, door, quota)),
        example("q88", "latch says open but the door is shut", (0.387, 1.0), (door, kiln, door)),
    ]
    losses = [
        example("q41", "soak sensor tip is dirty, what now", (1.0, 0.431), (kiln, kiln, door)),
        example("q350", "monthly counter in which time zone", (0.631, 0.387), (quota, quota, kiln)),
    ]
    return {"wins": wins, "losses": losses}


def _per_query(kind: str, seed: int) -> list[UnitScores]:
    random = np.random.default_rng(seed)
    units = tuple(f"q{number}" for number in range(1, 201))
    if kind == "scored":
        gold = random.random(200)
        noises = {"base": 0.4, "tuned": 0.2}
        return [
            UnitScores(model, 384, units, {}, gold + random.normal(0, noise, 200), gold)
            for model, noise in noises.items()
        ]
    measure = "knn_accuracy" if kind == "labelled" else "ndcg@10"
    base = np.random.default_rng(7).random(200) * 0.7
    gains = {"base": 0.0, "tuned": 0.15 + seed / 100}
    return [UnitScores(model, 384, units, {measure: np.clip(base + gain, 0, 1)}) for model, gain in gains.items()]


def _write_space(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    space = {
        "model": "sentence-transformers/all-MiniLM-L6-v2",
        "revision": "sha256:8b7c1d",
        "pooling": "mean",
        "query_prompt": "query: ",
        "document_prompt": "",
        "max_tokens": 256,
        "dims": [384, 256, 128, 64, 32],
        "normalised": True,
        "fingerprint": "sha256:0d9c3b1f7788a1e2",
    }
    path.write_bytes(orjson.dumps(space))
