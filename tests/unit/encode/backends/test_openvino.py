"""OpenVINO gives the model's vectors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.tiny_model import WORDS
from vectune.encode.backends.graph_encoder import Batch, GraphEncoder
from vectune.encode.backends.lone_text import LoneText
from vectune.encode.backends.openvino import OpenvinoSession
from vectune.encode.encoder import Vectors
from vectune.encode.export.manifest import read_manifest
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import Opening, open_encoder
from vectune.errors import ModelError
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 70]) for i in range(90)]


@pytest.mark.parametrize("role", list(Role))
def test_vectors_are_the_models(exported: dict[str, Path], prompted_model: Path, role: Role) -> None:
    """Long, short and cut texts, with the prompt of their role, in fp32."""
    expected = load_encoder(str(prompted_model), precision="fp32").encode(TEXTS, role)
    found = open_encoder(str(exported["openvino"]), Opening(precision="fp32")).encode(TEXTS, role)
    assert (found * expected).sum(axis=1).min() > 0.99999


def test_precision_is_resolved_and_kept(exported: dict[str, Path]) -> None:
    """fp32 is fp32 wherever; `auto` is whatever the machine is good at, never left open."""
    folder = exported["openvino"]
    assert OpenvinoSession(folder, read_manifest(folder), "fp32").precision == "fp32"
    assert OpenvinoSession(folder, read_manifest(folder)).precision in ("fp32", "bf16")


def test_bf16_stays_close(exported: dict[str, Path]) -> None:
    """bf16 arithmetic moves a vector by little."""
    found = [open_encoder(str(exported["openvino"]), Opening(precision=one)).encode(TEXTS) for one in ("fp32", "bf16")]
    assert np.einsum("nd,nd->n", *found).min() > 0.999


def test_damaged_graph_is_an_error_of_ours(exported: dict[str, Path], tmp_path: Path) -> None:
    """The runtime's exception becomes a sentence."""
    manifest = read_manifest(exported["openvino"])
    (tmp_path / manifest.file).write_text("<net")
    with pytest.raises(ModelError, match="can't load"):
        OpenvinoSession(tmp_path, manifest)


def test_threads_get_their_own_vectors(exported: dict[str, Path]) -> None:
    """Callers on several threads share one encoder, and each has the vectors of its own texts."""
    encoder = open_encoder(str(exported["openvino"]), Opening(precision="fp32"))
    parts = [TEXTS[i::6] for i in range(6)]
    alone = [encoder.encode(part) for part in parts]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(encoder.encode, parts * 3))
    for expected, found in zip(alone * 3, together, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_callers_begin_while_others_end(exported: dict[str, Path]) -> None:
    """A caller that is let in by an idle core, however many there are, has the vectors of its own texts; each is told
    of an idle core once."""
    encoder = open_encoder(str(exported["openvino"]), Opening(precision="fp32"))
    assert isinstance(encoder, GraphEncoder)
    parts = [TEXTS[i::6] for i in range(6)]
    alone = [encoder.encode(part) for part in parts]
    told: list[int] = []

    def encode(number: int) -> Vectors:
        tokens = encoder.tokenise(parts[number % 6], Role.DOCUMENT).tokens
        assert tokens is not None
        return encoder.encode_tokens(tokens, Role.DOCUMENT, lambda: told.append(number))

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(encode, range(60)))
    for number, found in enumerate(together):
        np.testing.assert_allclose(found, alone[number % 6], atol=1e-5)
    workers = encoder._session.workers
    assert sorted(told) == (list(range(60)) if workers > 1 else [])


def test_a_caller_that_fails_leaves_the_session_well(exported: dict[str, Path]) -> None:
    """What goes wrong in handing on vectors, before and after others were let in, is raised and harms nobody else."""
    folder = exported["openvino"]
    session = OpenvinoSession(folder, read_manifest(folder), "fp32")
    ones = np.ones((2, 4), dtype=np.int64)
    batches = [Batch(np.arange(2), ones, ones)] * 9

    def fail(*_: object) -> None:
        raise KeyError("keep")

    def run_all() -> list[Vectors]:
        found: list[Vectors] = []
        for _ in range(3):
            with pytest.raises(KeyError):
                session.run(batches, fail)
            with pytest.raises(KeyError):
                session.run(batches[:1], fail, lambda: None)
        session.run(batches, lambda _, vectors: found.append(vectors.copy()))
        return found

    with ThreadPoolExecutor(1) as pool:  # a lock that is not given back fails here, and does not hang
        found = pool.submit(run_all).result(60)
    assert len(found) == 9
    assert all(np.allclose(one, found[0]) for one in found)


def test_lone_texts_are_those_of_batches(exported: dict[str, Path]) -> None:
    """A text alone has the vector that it has among others, the first time and later, with others under way beside it:
    in a graph of its own where there are cores for one."""
    encoder = open_encoder(str(exported["openvino"]), Opening(precision="fp32"))
    assert isinstance(encoder, GraphEncoder)
    expected = encoder.encode(TEXTS)
    rows = [*range(0, 90, 7)] * 3
    one_by_one = [encoder.encode(TEXTS[row : row + 1])[0] for row in rows]
    np.testing.assert_allclose(one_by_one, expected[rows], atol=1e-5)
    session = encoder._session
    assert isinstance(session, OpenvinoSession)
    assert bool(session._lone._free) == (session.workers > 1)

    def encode(chosen: list[int]) -> Vectors:
        tokens = encoder.tokenise([TEXTS[row] for row in chosen], Role.DOCUMENT).tokens
        assert tokens is not None
        return encoder.encode_tokens(tokens, Role.DOCUMENT, lambda: None)

    asked = [[row] if row % 2 else [*range(row, 90, 9)] for row in rows]
    with ThreadPoolExecutor(6) as pool:
        for chosen, found in zip(asked, pool.map(encode, asked), strict=True):
            np.testing.assert_allclose(found, expected[chosen], atol=1e-5)


def test_lone_texts_side_by_side(exported: dict[str, Path]) -> None:
    """Where there are cores for several, one begins while another runs, and each is told so once."""
    encoder = open_encoder(str(exported["openvino"]), Opening(precision="fp32"))
    assert isinstance(encoder, GraphEncoder)
    expected = encoder.encode(TEXTS)
    session = encoder._session
    assert isinstance(session, OpenvinoSession)
    session.workers, session._lone = 8, LoneText(session._lone._compile_for or _never, 8)
    told: list[int] = []

    def encode(row: int) -> Vectors:
        tokens = encoder.tokenise(TEXTS[row : row + 1], Role.DOCUMENT).tokens
        assert tokens is not None
        return encoder.encode_tokens(tokens, Role.DOCUMENT, lambda: told.append(row))[0]

    rows = [*range(90)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(encode, rows))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert sorted(told) == rows


def _never(threads: int, streams: int) -> object:
    raise RuntimeError("there is one core")


def test_a_lone_text_that_fails_leaves_the_session_well(exported: dict[str, Path]) -> None:
    """An inference of the graph for lone texts that fails is raised; the next text goes to the graph for batches."""
    folder = exported["openvino"]
    session = OpenvinoSession(folder, read_manifest(folder), "fp32")
    session._lone = LoneText(lambda threads, streams: FailingGraph(), cores=2)
    ones = np.ones((1, 4), dtype=np.int64)
    batches = [Batch(np.arange(1), ones, ones)]
    found: list[Vectors] = []

    def run() -> None:
        session.run(batches, lambda _, vectors: found.append(vectors.copy()))

    run()
    with pytest.raises(RuntimeError, match="no memory"):
        run()
    assert not session._one_caller.locked()
    run()
    assert len(found) == 2
    np.testing.assert_allclose(found[0], found[1])


class Failing:
    """An inference that fails when it is waited for."""

    def start_async(self, inputs: object) -> None: ...

    def wait(self) -> None:
        raise RuntimeError("no memory")


class FailingGraph:
    """A graph whose inferences fail."""

    def create_infer_request(self) -> Failing:
        return Failing()


def test_several_failures_at_once(exported: dict[str, Path]) -> None:
    """Where one inference fails those beside it often do too: all come back, and the next caller is served."""
    folder = exported["openvino"]
    session = OpenvinoSession(folder, read_manifest(folder), "fp32")
    ones = np.ones((2, 4), dtype=np.int64)
    batches = [Batch(np.arange(2), ones, ones)] * 3
    own = list(session._free)
    session._free[:] = [Failing() for _ in own]
    with pytest.raises(RuntimeError, match="no memory"):
        session.run(batches, lambda *_: None)
    assert len(session._free) == len(own)
    session._free[:] = own
    found: list[Vectors] = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(session.run, batches, lambda _, vectors: found.append(vectors.copy())).result(60)
    assert len(found) == 3
