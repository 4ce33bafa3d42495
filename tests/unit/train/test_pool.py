from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.tiny_model import save_tiny_model
from vectune.encode.loading import load_encoder
from vectune.records import Role
from vectune.train.pool import TextPool


def test_each_text_has_one_number_in_its_role(tmp_path: Path) -> None:
    """Equal texts share a number in one role and not across roles; token ids lie at the number, with its prompt."""
    encoder = load_encoder(str(save_tiny_model(tmp_path / "model", prompts=True)))
    pool = TextPool()
    given = [("dog1", Role.DOCUMENT), ("dog1", Role.QUERY), ("cat1 cat2", Role.DOCUMENT), ("dog1", Role.DOCUMENT)]
    numbers = [pool.add(text, role) for text, role in given]
    assert numbers == [0, 1, 2, 0]
    assert len(pool) == 3
    tokens = pool.tokenize(encoder, None)
    for number, (text, role) in zip(numbers, given, strict=True):
        alone = encoder.tokenize([text], role)
        start, stop = tokens.offsets[number], tokens.offsets[number + 1]
        assert tokens.ids[start:stop].tolist() == alone.ids.tolist()


def test_texts_are_cut(tiny_model_folder: Path) -> None:
    """No text has more tokens than asked for."""
    pool = TextPool()
    pool.add("sun1 " * 40, Role.DOCUMENT)
    pool.add("sun1", Role.QUERY)
    assert pool.tokenize(load_encoder(str(tiny_model_folder)), 10).lengths.tolist() == [10, 3]


def test_vectors_come_in_the_order_of_the_numbers() -> None:
    """Blocks that follow one another hold each text's vector at its number, queries and documents apart."""
    pool, encoder = TextPool(), HashEncoder(dim=8)
    texts = [f"w{number}" for number in range(5000)]
    for number, text in enumerate(texts):
        pool.add(text, Role.QUERY if number % 3 else Role.DOCUMENT)
    blocks = list(pool.encode(encoder))
    assert len(blocks) == 2
    assert (np.concatenate(blocks) == encoder.encode(texts)).all()
    assert [text for _, text in pool] == texts
