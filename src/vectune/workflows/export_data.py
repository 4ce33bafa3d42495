"""The data that an export is calibrated and certified on: train and dev of the run, or of data that is named."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from vectune.config import EvaluateConfig, ExportConfig, TuneConfig
from vectune.config.load import load_config
from vectune.encode.encoder import Encoder
from vectune.encode.export.folder import needs_calibration
from vectune.encode.static_encoder import StaticEncoder
from vectune.errors import DataError, UsageError
from vectune.monitor.progress import Progress
from vectune.records import Labelled, Retrieval, Role, Scored, Splits
from vectune.store.run_folder import read_json
from vectune.workflows.dev_score import LEAST_UNITS, few_queries, few_texts, small_corpus
from vectune.workflows.parity import ParityData
from vectune.workflows.prepare import TokenLimit, prepare
from vectune.workflows.run_files import CONFIG, fingerprint_of

_NAME_DATA = "Name data with --data, or make a folder without a certificate by --no-certificate."
_NAME_TEXTS = "Name data with --data."


def run_config(model: str) -> TuneConfig | None:
    """The settings of the run that `model` names; None when it names something else."""
    file = Path(model).expanduser() / CONFIG
    if not file.is_file() or not file.with_name("verdict.json").is_file():
        return None
    return load_config(TuneConfig, file, {})


def needs_texts(config: ExportConfig, encoder: Encoder) -> bool:
    """Whether the format is made with texts, certified or not: int8, and a table distilled from a transformer."""
    return needs_calibration(config.format) or (config.format == "static" and not isinstance(encoder, StaticEncoder))


def export_splits(config: ExportConfig, encoder: Encoder, limit: int, progress: Progress) -> tuple[str, Splits]:
    """What the data is called, and its train and dev.

    The data of a run is read and divided again as the run did it. Raises UsageError without a run and without
    `config.path`, DataError when the run's data is not, or may not be, what it was, or dev is too small.
    """
    run = run_config(config.model)
    hint = _NAME_TEXTS if needs_texts(config, encoder) else _NAME_DATA
    if config.path is None and run is None:
        raise UsageError(f"{config.model} is no run, so there {_missing(config, encoder)}.", hint)
    if config.path is not None:
        settings = TuneConfig(path=config.path, data=config.data, split=config.split)
    else:
        assert run is not None
        settings = run
    splits = prepare(settings, TokenLimit(encoder.count_tokens, limit), progress).splits
    if config.path is None:
        _refuse_changed(Path(config.model).expanduser(), settings.path, splits, hint)
    if config.certificate and len(splits.dev) < LEAST_UNITS:
        raise DataError(
            f"The dev set of {settings.path} has {len(splits.dev)} rows: too few to certify on.", _NAME_DATA
        )
    return settings.path, splits


def parity_data(config: ExportConfig, splits: Splits) -> ParityData:
    """Dev, cut to `config.queries` and `config.documents`, at the dims of the run and of the config."""
    run = run_config(config.model)
    dims = config.dims or (tuple(run.train.dims) + tuple(run.evaluate.dims) if run else ())
    judged: EvaluateConfig = run.evaluate if run and config.path is None else config.evaluate
    dev = small_corpus(few_queries(splits.dev, config.queries), config.documents)
    reference = few_texts(splits.train, config.documents) if isinstance(splits.train, Labelled) else None
    return ParityData(dev, reference, tuple(sorted(set(dims), reverse=True)), judged)


def calibration_texts(splits: Splits, most: int, seed: int) -> list[tuple[Role, str]]:
    """At most `most` texts of train with their roles, drawn by `seed`: half queries and half documents of a list."""
    draw = random.Random(seed)
    train = splits.train
    if isinstance(train, Retrieval):
        relevant = sorted({document for grades in train.qrels.values() for document in grades})
        queries = _drawn(draw, [train.queries[query] for query in sorted(train.queries)], most // 2)
        documents = _drawn(draw, [train.corpus[document] for document in relevant], most - len(queries))
        return [(Role.QUERY, text) for text in queries] + [(Role.DOCUMENT, text) for text in documents]
    if isinstance(train, Scored):
        texts = sorted({text for pair in train.pairs for text in (pair.first, pair.second)})
    else:
        texts = sorted({row.text for row in train.texts})
    return [(Role.DOCUMENT, text) for text in _drawn(draw, texts, most)]


def _drawn(draw: random.Random, texts: Sequence[str], most: int) -> list[str]:
    return draw.sample(list(texts), min(most, len(texts)))


def _missing(config: ExportConfig, encoder: Encoder) -> str:
    if needs_calibration(config.format):
        return "are no texts to take the ranges of int8 from"
    return "are no texts to distil on" if needs_texts(config, encoder) else "is no dev set to certify the export on"


def _refuse_changed(run: Path, path: str, splits: Splits, hint: str) -> None:
    told = (read_json(run / "data.json") or {}).get("fingerprint")
    if told is None:
        raise DataError(
            f"{run.name} has no data.json that says what it was tuned on, so {path} may be something else.", hint
        )
    if told != fingerprint_of(splits):
        raise DataError(f"The data at {path} is not what {run.name} was tuned on any more.", hint)
