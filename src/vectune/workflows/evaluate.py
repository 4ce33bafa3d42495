"""`vectune evaluate`: one model judged on data, against others."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vectune.config import JudgeConfig
from vectune.config.vectors import BackendName
from vectune.config.workflow import PACKAGED_MODEL
from vectune.data.check import load_checked
from vectune.data.fingerprint import fingerprint
from vectune.data.join import widened
from vectune.data.read import open_source
from vectune.data.texts import read_texts
from vectune.encode.allocator import keep_large_blocks
from vectune.encode.encoder import Encoder
from vectune.encode.open_encoder import Opening, is_exported, open_encoder
from vectune.errors import ConfigError, DataError
from vectune.monitor.progress import Named, Progress
from vectune.records import Dataset, Labelled, Retrieval
from vectune.store.atomic import folder_aside, refuse_occupied
from vectune.workflows.judging import BASE, TUNED, Exam, judge_all
from vectune.workflows.run_files import write_config, write_judgement, write_pages
from vectune.workflows.stopwatch import Stopwatch


@dataclass(frozen=True)
class Evaluation:
    """The content of verdict.json, where it lies if it was written, and the exit status that goes with it."""

    verdict: dict[str, Any]
    folder: Path | None
    exit_status: int


def evaluate(config: JudgeConfig, progress: Progress) -> Evaluation:
    """Judge `config.model` on one split of the data; the first of `config.against` is the base of the verdict."""
    if config.out is not None:
        refuse_occupied(config.out)
    watch = Stopwatch()
    if config.keep_large_blocks:
        keep_large_blocks()
    with watch.stage("read"):
        data, reference = _read(config, progress)
    with watch.stage("load"):
        progress.stage("load models")
        encoders = _encoders(config)
    with watch.stage("judge"):
        judgement = judge_all(encoders, Exam(data, reference, config.evaluate.dims, config.evaluate), progress)
    names = {name: encoder.name for name, encoder in encoders.items()}
    facts: dict[str, Any] = {
        "base_model": names[BASE], "tuned_model": names[TUNED], "models": names, "data": config.path,
        "fingerprint": fingerprint(data), "seconds": watch.seconds,
    }  # fmt: skip
    with folder_aside(config.out) if config.out else nullcontext() as folder:
        if folder is None:
            return Evaluation({**judgement.as_json(), **facts}, None, judgement.verdict.exit_status)
        write_config(folder, config)
        verdict = write_judgement(folder, judgement, facts)
        write_pages(folder, None)
    return Evaluation(verdict, config.out, judgement.verdict.exit_status)


def _encoders(config: JudgeConfig) -> dict[str, Encoder]:
    base, *others = config.against or (PACKAGED_MODEL,)
    names = {BASE: base, TUNED: config.model} | {f"other-{i}": name for i, name in enumerate(others, start=1)}
    encoders = {role: _open(name, config) for role, name in names.items()}
    dim, largest = encoders[TUNED].dim, max(config.evaluate.dims, default=0)
    if largest > dim:
        raise ConfigError(
            f"dims asks for {largest}, but the vectors of {config.model} have {dim} values.",
            f"Choose dims from 1 to {dim}.",
        )
    return encoders


def _open(name: str, config: JudgeConfig) -> Encoder:
    backend: BackendName = "auto" if is_exported(name) else "torch"
    opening = Opening(backend=backend, trust_remote_code=config.trust_remote_code, remote=config.remote)
    return open_encoder(name, opening)


def _with_corpus(data: Dataset, path: str, config: JudgeConfig) -> Dataset:
    if not isinstance(data, Retrieval):
        raise DataError(f"A corpus does not go with {data.kind.value} data.", "Leave out --corpus.")
    return replace(data, corpus=widened(data.corpus, read_texts(path, config.data)))


def _read(config: JudgeConfig, progress: Progress) -> tuple[Dataset, Labelled | None]:
    source = open_source(config.path, config.data)
    if source.splits and config.split not in source.splits:
        raise DataError(
            f"{config.path} has no split {config.split}, only {', '.join(source.splits)}.", "Name one with --split."
        )
    split = config.split if source.splits else "all"
    read = Named(progress, "read and check")
    data = load_checked(source, config.data, split=split, progress=read).data
    if config.corpus is not None:
        data = _with_corpus(data, config.corpus, config)
    reference = None
    if isinstance(data, Labelled) and "train" in source.splits and split != "train":
        train = load_checked(source, config.data, split="train", progress=Named(progress, "read train")).data
        reference = train if isinstance(train, Labelled) else None
    return data, reference
