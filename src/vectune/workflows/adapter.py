"""The middle of a run with `--method adapter`: the base's vectors once, then a map of queries, trained in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vectune.config import EvaluateConfig, TrainConfig, TuneConfig
from vectune.config.remote import is_remote
from vectune.encode.adapted import ADAPTER_FILE, AdaptedEncoder, QueryAdapter, RemoteBase, has_adapter, save_adapter
from vectune.encode.cached import CachedEncoder
from vectune.encode.encoder import Encoder
from vectune.encode.loading import load_encoder
from vectune.encode.query_route import save_adapted_model
from vectune.encode.remote import RemoteEncoder, open_remote
from vectune.encode.resolve import resolve_model
from vectune.encode.routes import refuse_routes
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.space import SPACE_FILE, Space, read_space, remote_space, space_of, write_space
from vectune.encode.vector_cache import VECTORS_FILE, VectorCache
from vectune.encode.weights_key import weights_key
from vectune.errors import ConfigError, ModelError
from vectune.evaluate.general import general_ability, guard_set
from vectune.monitor.metric_log import MetricLog, read_metrics, rewind
from vectune.monitor.progress import Named, Stoppable
from vectune.records import Role, Splits
from vectune.train.adapter import AdapterSurroundings, AdapterTrainer
from vectune.train.adapter_rows import AdapterRows, adapter_rows
from vectune.train.checkpoints import Checkpoints
from vectune.train.loop import Trained
from vectune.train.recipe import Recipe
from vectune.workflows.dev_score import DevLog, DevScorer, dev_scorer
from vectune.workflows.fitting import CHECKPOINTS, METRICS, Place, identity

DEV_DOCUMENTS = 10_000
"""Documents that dev ranks at least, if there are so many. Judging needs their vectors anyway, and on a small corpus a
map that pulls queries towards the train documents would look better than it is."""


class AdapterBase:
    """The model under the adapter, each text encoded once: vectors of a local one are kept in the run's work folder
    until it is done, those of a remote one in vectune's cache folder for good."""

    def __init__(self, source: SentenceEncoder | RemoteEncoder, encoder: Encoder, space: Space) -> None:
        self.source = source
        self.encoder = encoder
        self.space = space
        self.notes = source.notes if isinstance(source, SentenceEncoder) else (f"texts are sent to {source.url}",)
        """What people should know of the base, a sentence each."""

    @property
    def dim(self) -> int:
        """Length of a full vector."""
        return self.encoder.dim

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model sees."""
        return self.source.max_tokens

    @property
    def key(self) -> str:
        """What its vectors come from: two bases of one key give the same, as far as anybody here can tell."""
        local = self.source if isinstance(self.source, SentenceEncoder) else None
        weights = f" {local.precision} {weights_key(local.model)}" if local else ""
        return f"{self.space.fingerprint}{weights}"

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut; see Encoder."""
        return self.source.count_tokens(texts)


@dataclass(frozen=True)
class FittedAdapter:
    """How training went, and the base with the adapter at the share that dev liked best (0: the base as it is)."""

    trained: Trained
    recipe: Recipe
    share: float
    base: AdapterBase
    adapter: QueryAdapter

    @property
    def encoder(self) -> AdaptedEncoder:
        """The tuned model, to be judged."""
        return AdaptedEncoder(self.base.encoder, self.adapter, self.base.encoder.name)

    def save(self, folder: Path) -> None:
        """Leave model/ in the run folder: base and adapter, or the adapter alone where the base is remote."""
        target = folder / "model"
        source = self.base.source
        if isinstance(source, SentenceEncoder):
            save_adapted_model(source, self.adapter, target)
        else:
            config = source.config
            remote = RemoteBase(source.model, source.url, config.dims, config.query_prompt, config.document_prompt)
            save_adapter(self.adapter, target, base=source.name, remote=remote)
        digest = hashlib.sha256((target / ADAPTER_FILE).read_bytes()).hexdigest()
        write_space(self.base.space.with_adapter(f"sha256:{digest}"), target)


def open_adapter_base(config: TuneConfig, work_folder: Path) -> AdapterBase:
    """The base of `config`, ready to be asked; ModelError when it can't be had, or can't take a query adapter."""
    if is_remote(config.base):
        remote = open_remote(config.base, config.remote)
        return AdapterBase(remote, remote, remote_space(remote))
    local = load_encoder(config.base, trust_remote_code=config.trust_remote_code)
    folder = Path(resolve_model(config.base).location)
    if has_adapter(folder):
        raise ModelError(f"{config.base} has an adapter already.", "Name the model that the adapter was trained for.")
    refuse_routes(local.model, config.base)
    space = read_space(folder) if (folder / SPACE_FILE).is_file() else space_of(local, folder)
    cache = VectorCache(work_folder / CHECKPOINTS / VECTORS_FILE)
    return AdapterBase(local, CachedEncoder(local, cache, f"{space.fingerprint} {local.precision}"), space)


def refuse_for_weights(config: TuneConfig) -> None:
    """Raise for a base whose weights can't be tuned: nobody has them, or an adapter that would not fit them follows."""
    if is_remote(config.base):
        raise ConfigError(
            f"Nobody here has the weights of {config.base}, so --method {config.train.method} can't tune them.",
            "Use --method adapter.",
        )
    if Path(config.base).exists() and has_adapter(Path(resolve_model(config.base).location)):
        raise ModelError(f"{config.base} has an adapter on its queries.", "Tune the model that it was trained for.")


def fit_adapter(base: AdapterBase, splits: Splits, config: TuneConfig, place: Place) -> FittedAdapter:
    """Train an adapter of `base` on train; dev decides when to stop and which share of it is taken.

    Goes on from the newest checkpoint under `place.folder`, with the vectors that are kept; metrics.jsonl there never
    holds a step twice. Raises ConfigError for data without queries and documents, Interrupted when asked to stop (once
    training has begun, a checkpoint is there then).
    """
    rows = adapter_rows(splits.train)
    scorer = dev_scorer(splits, config.evaluate, _wide(config.train))
    checkpoints = Checkpoints(place.folder / CHECKPOINTS, identity(base.key, splits, config.train))
    rewind(place.folder / METRICS, checkpoints.latest_step())
    with MetricLog(place.folder / METRICS) as log:
        stage = _Stage(base, rows, scorer, DevLog(log, scorer), place)
        trainer = stage.trainer(config.train, checkpoints)
        stage.baseline()
        stage.stoppable.stage("train", trainer.total_steps)
        adapter, trained = trainer.run()
        share = stage.choose_share(adapter, config.train.interpolation, config.evaluate)
    return FittedAdapter(trained, trainer.recipe, share, base, adapter.scaled(share))


def _wide(train: TrainConfig) -> TrainConfig:
    return train.model_copy(update={"dev_corpus": max(train.dev_corpus, DEV_DOCUMENTS)})


class _Stage:
    """What training and the choice of the share have in common: the base, the score on dev, the log and the bar."""

    def __init__(
        self, base: AdapterBase, rows: AdapterRows, scorer: DevScorer | None, log: DevLog, place: Place
    ) -> None:
        self._base = base
        self._rows = rows
        self._scorer = scorer
        self._log = log
        self._stop = place.stop
        self._watched = Named(place.progress, values={"dev": f"dev {log.measure}"} if scorer else {})
        self.stoppable = Stoppable(self._watched, place.stop)

    def trainer(self, config: TrainConfig, checkpoints: Checkpoints) -> AdapterTrainer:
        """The trainer on the base's vectors of the train rows; it stops at the end of a step, by itself."""
        queries = self._vectors(self._rows.queries, Role.QUERY)
        documents = self._vectors(self._rows.documents, Role.DOCUMENT)
        score = None if self._scorer is None else self._score
        around = AdapterSurroundings(score, self._log, checkpoints, self._watched, self._stop)
        return AdapterTrainer(self._rows, queries, documents, config, around)

    def baseline(self) -> None:
        """Log the base's score on dev as step 0, unless an interrupted run has logged it."""
        known = any(entry.get("event") == "dev" for entry in read_metrics(self._log.log.path))
        if self._scorer is not None and not known:
            self.stoppable.stage("baseline on dev")
            score = self._log.score(self._base.encoder)
            self._log.write("dev", step=0, epoch=0.0, score=score, best=False)

    def choose_share(self, adapter: QueryAdapter, shares: tuple[float, ...], config: EvaluateConfig) -> float:
        """The share of the adapter that dev likes best, 0 among them; the larger wins a tie. 1 without dev.

        Shares that lose more general ability than the verdict allows are left out, where it is measured at all.
        """
        if self._scorer is None:
            return 1.0
        tried = (0.0, *shares)
        self.stoppable.stage("interpolate", len(tried))
        scores: dict[float, float] = {}
        general: dict[float, float | None] = {}
        for share in tried:
            scores[share] = self._score(adapter.scaled(share))
            general[share] = self._general(adapter.scaled(share), config) if config.general else None
            self.stoppable.advance(1, dev=scores[share])
            found = {"share": share, "score": scores[share], "general": general[share]}
            self._log.write("interpolation", **found)
        least = (general[0.0] or 0.0) - config.verdict.max_general_drop
        admitted = [share for share, kept in general.items() if kept is None or share == 0 or kept >= least]
        return max(admitted, key=lambda share: (scores[share], share))

    def _general(self, adapter: QueryAdapter, config: EvaluateConfig) -> float:
        """General ability on the everyday texts that the verdict does not use."""
        return general_ability(self._adapted(adapter), config, everyday=guard_set()).score

    def _vectors(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        self.stoppable.stage(f"encode {'queries' if role is Role.QUERY else 'documents'}", len(texts))
        return self._base.encoder.encode(texts, role, self.stoppable)

    def _score(self, adapter: QueryAdapter) -> float:
        return self._log.score(self._adapted(adapter))

    def _adapted(self, adapter: QueryAdapter) -> AdaptedEncoder:
        return AdaptedEncoder(self._base.encoder, adapter, self._base.encoder.name)
