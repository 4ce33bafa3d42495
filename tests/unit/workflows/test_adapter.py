"""The middle of an adapter run: vectors once, dev decides, the base's space stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tests.fakes.embeddings_endpoint import KEY, EmbeddingsEndpoint, serving
from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import code_pairs, scored_pairs, write_jsonl
from vectune.config import EvaluateConfig, TrainConfig, TuneConfig, VerdictConfig
from vectune.encode.adapted import has_adapter
from vectune.encode.encoder import Vectors
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.space import read_space, space_of
from vectune.errors import ConfigError, Interrupted, ModelError
from vectune.monitor.metric_log import read_metrics
from vectune.monitor.progress import Progress, Silent
from vectune.records import Retrieval, Role, Splits
from vectune.train.checkpoints import Checkpoints, ForeignCheckpoint
from vectune.workflows.adapter import AdapterBase, FittedAdapter, fit_adapter, open_adapter_base, refuse_for_weights
from vectune.workflows.fitting import CHECKPOINTS, METRICS, Place
from vectune.workflows.prepare import TokenLimit, prepare

TEXTS = ["red1 red2 red3", "cat1 cat2"]


def _splits(tmp_path: Path, rows: list[dict[str, Any]]) -> Splits:
    data = write_jsonl(tmp_path / "rows.jsonl", rows)
    return prepare(TuneConfig(path=str(data)), TokenLimit(HashEncoder().count_tokens, 48), Silent()).splits


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    """Pairs whose queries name the documents' words otherwise."""
    return _splits(tmp_path, code_pairs(120))


def _config(base: object, **train: object) -> TuneConfig:
    content = {"path": "a", "base": str(base), "train": {"method": "adapter", **train}}
    return TuneConfig.model_validate(content)


def _place(folder: Path, stop_after: int = 10**9) -> Place:
    folder.mkdir(exist_ok=True)
    asked = iter(range(stop_after))
    return Place(folder, Silent(), lambda: next(asked, None) is None)


def _fit(base: object, splits: Splits, folder: Path, **train: object) -> FittedAdapter:
    config = _config(base, **train)
    place = _place(folder)
    return fit_adapter(open_adapter_base(config, folder), splits, config, place)


def test_dev_rises_and_is_logged(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """The log has the base's dev score as step 0, each step once, and the shares with 0 among them."""
    fitted = _fit(tiny_model_folder, splits, tmp_path / "run")
    events = read_metrics(tmp_path / "run" / METRICS)
    dev = [event for event in events if event["event"] == "dev"]
    assert (dev[0]["step"], dev[0]["measure"]) == (0, "ndcg@10")
    assert fitted.trained.best_score == max(event["score"] for event in dev) > dev[0]["score"]
    tried = {event["share"]: event["score"] for event in events if event["event"] == "interpolation"}
    assert list(tried) == [0.0, *TrainConfig().interpolation]
    assert tried[0.0] == dev[0]["score"]
    assert tried[fitted.share] == max(tried.values())
    assert fitted.recipe.loss == "info_nce"


@pytest.mark.model
def test_shares_that_cost_general_ability_are_left_out(splits: Splits, tmp_path: Path) -> None:
    """A map that dev likes best in full but that spoils everyday texts is taken as far as the verdict allows."""
    config = _config("all-MiniLM-L6-v2", learning_rate=0.05)
    config = config.model_copy(update={"evaluate": EvaluateConfig(verdict=VerdictConfig(max_general_drop=0.01))})
    fitted = fit_adapter(open_adapter_base(config, tmp_path / "run"), splits, config, _place(tmp_path / "run"))
    tried = [event for event in read_metrics(tmp_path / "run" / METRICS) if event["event"] == "interpolation"]
    general = {event["share"]: event["general"] for event in tried}
    scores = {event["share"]: event["score"] for event in tried}
    assert general[1.0] < general[0.0] - 0.01 <= general[fitted.share]
    assert scores[1.0] >= scores[fitted.share] > scores[0.0]


def test_dev_may_like_the_base_best(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """A map that dev likes less than none is taken at share 0: the tuned model is the base."""
    assert isinstance(splits.dev, Retrieval)
    queries, corpus = splits.dev.queries, splits.dev.corpus
    base = open_adapter_base(_config(tiny_model_folder), tmp_path / "run")
    asked = base.encoder.encode(list(queries.values()), Role.QUERY)
    best = asked @ base.encoder.encode(list(corpus.values())).T
    names = list(corpus)
    favourites = {query: {names[row.argmax()]: 1} for query, row in zip(queries, best, strict=True)}
    dev = Retrieval(queries, corpus, favourites)
    config = _config(tiny_model_folder, learning_rate=0.5, epochs=20)
    fitted = fit_adapter(base, Splits(splits.train, dev, splits.test), config, _place(tmp_path / "run"))
    assert fitted.share == 0.0
    np.testing.assert_allclose(fitted.encoder.encode(TEXTS, Role.QUERY), base.encoder.encode(TEXTS), atol=1e-6)


def test_stopped_run_goes_on_with_the_vectors_it_has(
    tiny_model_folder: Path, splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gone on with, nothing is encoded that was encoded before, and the map is that of an undisturbed run."""
    whole = _fit(tiny_model_folder, splits, tmp_path / "whole", epochs=5)
    encoded: list[str] = []
    encode = SentenceEncoder.encode

    def counted(
        self: SentenceEncoder, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None
    ) -> Vectors:
        encoded.extend(f"{role} {text}" for text in texts)
        return encode(self, texts, role, progress)

    monkeypatch.setattr(SentenceEncoder, "encode", counted)  # what the model is asked can be seen nowhere else
    config, folder = _config(tiny_model_folder, epochs=5), tmp_path / "halves"
    with pytest.raises(Interrupted):
        fit_adapter(open_adapter_base(config, folder), splits, config, _place(folder, stop_after=12))
    assert encoded
    again = _fit(tiny_model_folder, splits, folder, epochs=5)
    assert len(encoded) == len(set(encoded))
    np.testing.assert_array_equal(again.adapter.up, whole.adapter.up)
    steps = [event["step"] for event in read_metrics(folder / METRICS) if event["event"] == "train"]
    assert steps == list(range(1, len(steps) + 1))


class Stages(Silent):
    """Remembers the stages and how far each came."""

    def __init__(self) -> None:
        self.done: dict[str, list[int]] = {}

    def stage(self, name: str, total: int | None = None) -> None:
        self._latest = self.done.setdefault(name, [])

    def advance(self, amount: int = 1, **values: float) -> None:
        self._latest.append(amount)


def _stop_in_training(base: object, splits: Splits, folder: Path, steps: int = 20) -> None:
    """Begin a run in `folder` and stop it as soon as so many steps are logged."""
    folder.mkdir()
    log = folder / METRICS
    place = Place(folder, Silent(), lambda: log.is_file() and log.read_bytes().count(b'"train"') >= steps)
    config = _config(base, epochs=20)
    with pytest.raises(Interrupted, match=f"Stopped at step {steps} of"):
        fit_adapter(open_adapter_base(config, folder), splits, config, place)
    assert Checkpoints(folder / CHECKPOINTS).latest_step() == steps


def _goes_on_to_the_same_end(base: object, splits: Splits, folder: Path) -> Stages:
    """Stop a run in its middle, go on, and compare it with one that nobody stopped; the stages of the second part."""
    whole = _fit(base, splits, folder / "whole", epochs=20)
    _stop_in_training(base, splits, folder / "halves")
    stages, config = Stages(), _config(base, epochs=20)
    place = Place(folder / "halves", stages, lambda: False)
    again = fit_adapter(open_adapter_base(config, folder / "halves"), splits, config, place)
    assert (again.trained, again.share) == (whole.trained, whole.share)
    np.testing.assert_array_equal(again.adapter.up, whole.adapter.up)
    np.testing.assert_array_equal(again.adapter.down, whole.adapter.down)
    assert read_metrics(folder / "halves" / METRICS) == read_metrics(folder / "whole" / METRICS)
    return stages


def test_run_that_was_stopped_in_training_goes_on_there(
    tiny_model_folder: Path, splits: Splits, tmp_path: Path
) -> None:
    """Map, share and the whole log are those of a run that nobody stopped; neither the base is scored again, nor are
    the first steps done again."""
    stages = _goes_on_to_the_same_end(tiny_model_folder, splits, tmp_path)
    assert list(stages.done) == ["encode queries", "encode documents", "train", "interpolate"]
    assert stages.done["train"][:2] == [20, 1]


def test_run_on_a_remote_base_goes_on_likewise(splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind an endpoint too: the map goes on where it was, and no text is sent twice."""
    monkeypatch.setenv("VECTUNE_REMOTE_KEY", KEY)
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    with serving(EmbeddingsEndpoint(dim=64)) as endpoint:
        monkeypatch.setenv("VECTUNE_REMOTE_URL", endpoint.url)
        stages = _goes_on_to_the_same_end("openai:small", splits, tmp_path)
        assert set(endpoint.texts.values()) == {1}
    assert stages.done["train"][:2] == [20, 1]


def test_checkpoint_of_another_base_or_other_settings_is_refused(
    tiny_model_folder: Path, splits: Splits, tmp_path: Path
) -> None:
    """A map that was begun on other vectors, from other data or by other settings is not gone on with."""
    _stop_in_training(tiny_model_folder, splits, tmp_path / "run")
    other = Splits(splits.dev, splits.train, splits.test)
    for base, data, settings in (
        (save_tiny_model(tmp_path / "other", seed=5), splits, {}),
        (tiny_model_folder, other, {}),
        (tiny_model_folder, splits, {"seed": 1}),
    ):
        with pytest.raises(ForeignCheckpoint, match="another base, other data or other settings"):
            _fit(base, data, tmp_path / "run", **{"epochs": 20, **settings})


def test_saved_model_has_the_judged_vectors_and_the_bases_space(
    tiny_model_folder: Path, splits: Splits, tmp_path: Path
) -> None:
    """sentence-transformers gives the tuned vectors; the space is the base's, and its file says that an index stays."""
    fitted = _fit(tiny_model_folder, splits, tmp_path / "run")
    fitted.save(tmp_path / "run")
    target = tmp_path / "run" / "model"
    loaded = SentenceTransformer(str(target), device="cpu")
    for vectors, role in ((loaded.encode_query(TEXTS), Role.QUERY), (loaded.encode_document(TEXTS), Role.DOCUMENT)):
        assert (fitted.encoder.encode(TEXTS, role) * vectors).sum(axis=1) == pytest.approx(1.0, abs=2e-3)
    space = read_space(target)
    assert space.fingerprint == space_of(load_encoder(str(tiny_model_folder)), tiny_model_folder).fingerprint
    assert space.query_adapter.startswith("sha256:")
    assert "an index built with the base stays valid" in (target / "vectune_space.json").read_text()


def test_remote_base_is_saved_as_adapter_alone(splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a remote base the folder holds the map and where the base is: no weights, and the key in no file."""
    monkeypatch.setenv("VECTUNE_REMOTE_KEY", KEY)
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    with serving(EmbeddingsEndpoint(dim=64)) as endpoint:
        monkeypatch.setenv("VECTUNE_REMOTE_URL", endpoint.url)
        fitted = _fit("openai:small", splits, tmp_path / "run")
        fitted.save(tmp_path / "run")
        assert endpoint.url in fitted.base.notes[0]
    target = tmp_path / "run" / "model"
    names = {file.name for file in target.iterdir()}
    assert names == {"adapter.safetensors", "vectune_adapter.json", "vectune_space.json"}
    assert has_adapter(target)
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert fitted.trained.best_score is not None
    assert fitted.trained.best_score > 0.7


def test_data_without_queries_names_another_method(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Scored pairs are refused with the methods that take them."""
    scored = _splits(tmp_path, scored_pairs(40))
    with pytest.raises(ConfigError, match="scored data has neither"):
        _fit(tiny_model_folder, scored, tmp_path / "run")


def test_adapters_are_not_stacked_nor_tuned_under(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """A model with an adapter is no base, neither for another adapter nor for tuning its weights."""
    _fit(tiny_model_folder, splits, tmp_path / "run", epochs=1).save(tmp_path / "run")
    with pytest.raises(ModelError, match="has an adapter already"):
        open_adapter_base(_config(tmp_path / "run"), tmp_path / "next")
    with pytest.raises(ModelError, match="adapter on its queries"):
        refuse_for_weights(_config(tmp_path / "run", method="full"))
    refuse_for_weights(_config(tiny_model_folder, method="full"))


def test_remote_weights_cannot_be_tuned() -> None:
    """Every method but adapter is refused for a remote base, by name."""
    with pytest.raises(ConfigError, match="--method full can't tune them") as raised:
        refuse_for_weights(_config("openai:small", method="full"))
    assert "--method adapter" in raised.value.hint


def test_base_answers_for_the_data_check(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Tokens are counted by the model itself, and the length of its vectors is known."""
    base = open_adapter_base(_config(tiny_model_folder), tmp_path)
    assert isinstance(base, AdapterBase)
    assert (base.dim, base.max_tokens, base.count_tokens(["red1 red2"]).tolist()) == (32, 48, [4])
