"""Token ids without transformers are those that transformers gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.tiny_model import WORDS
from vectune.encode.backends.text_tokens import TextTokens
from vectune.encode.loading import load_encoder
from vectune.errors import ModelError
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 70]) for i in range(40)] + ["", "unknown words"]


def test_ids_are_those_of_the_model(tiny_model_folder: Path) -> None:
    """Cut at the limit or not, special tokens included, an empty text too."""
    encoder = load_encoder(str(tiny_model_folder))
    tokens = TextTokens(tiny_model_folder / "tokenizer.json", 48)
    ours, theirs = tokens.tokens(TEXTS), encoder.tokenize(TEXTS, Role.DOCUMENT)
    assert ours.ids.tolist() == theirs.ids.tolist()
    assert ours.offsets.tolist() == theirs.offsets.tolist()
    assert tokens.count(TEXTS).tolist() == encoder.count_tokens(TEXTS).tolist()


def test_side_and_case_are_told(tiny_model_folder: Path) -> None:
    """A tokenizer that cuts on the left keeps the end; one of a lower-casing model sees lower case."""
    file = tiny_model_folder / "tokenizer.json"
    right, left = (TextTokens(file, 4, side).tokens(["red0 red1 red2 red3"]) for side in ("right", "left"))
    assert right.ids.tolist() == [2, 5, 6, 3]
    assert left.ids.tolist() == [2, 7, 8, 3]
    lower = TextTokens(file, 48, lower_case=True)
    assert lower.tokens(["RED0"]).ids.tolist() == [2, 5, 3]
    assert len(lower.tokens([])) == 0


def test_damaged_tokenizer_is_an_error_of_ours(tmp_path: Path) -> None:
    """The library's bare exception becomes a sentence."""
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="as a tokenizer"):
        TextTokens(tmp_path / "tokenizer.json", 8)


@pytest.mark.parametrize("limit", [3, 8, 48])
@pytest.mark.parametrize("side", ["right", "left"])
def test_one_pass_gives_ids_and_counts(tiny_model_folder: Path, limit: int, side: str) -> None:
    """Reading once gives the ids as they are cut and the counts as they are not, however much is cut off."""
    tokens = TextTokens(tiny_model_folder / "tokenizer.json", limit, side)  # type: ignore[arg-type]
    texts = [*TEXTS, " ".join(WORDS * 9)]
    read = tokens.read(texts)
    assert read.tokens is not None
    assert read.tokens.ids.tolist() == tokens.tokens(texts).ids.tolist()
    assert read.tokens.lengths.max() == limit
    assert read.counts.tolist() == tokens.count(texts).tolist()
    assert tokens.read([]).counts.tolist() == []
