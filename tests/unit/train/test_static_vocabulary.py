"""Whole words join the vocabulary of every kind of tokenizer, and texts are then read with them."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from vectune.errors import ModelError
from vectune.train.static_vocabulary import build_vocabulary

TEXTS = [
    "The kiln kilnhouse fires bricks",
    "Kilnhouse bricks, kilnhouse walls",
    "walls and bricks of the kiln",
    "lonely",
]


def _wordpiece() -> Tokenizer:
    pieces = ["[PAD]", "[unused1]", "[UNK]", "the", "kiln", "##house", "fire", "##s", "brick", "wall", "and", "of", ","]
    pieces += ["lone", "##ly"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]"])
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding()
    return tokenizer


def _bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<unk>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the and of fires lonely walls kiln"], trainer)
    tokenizer.add_special_tokens(["<after>"])
    return tokenizer


def _unigram() -> Tokenizer:
    words = ["the", "kiln", "fires", "bricks", "walls", "and", "of", "lonely", "Kiln", "The"]
    letters = sorted({f"\u2581{word[0]}" for word in words})
    letters += [*"abcdefghijklmnopqrstuvwxyzKT,", "\u2581the", "\u2581kiln"]
    vocabulary = [("<unk>", 0.0), *((piece, -5.0 - i / 10) for i, piece in enumerate(letters))]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<mask>"])
    return tokenizer


KINDS = pytest.mark.parametrize("tokenizer", [_wordpiece(), _bpe(), _unigram()], ids=["wordpiece", "bpe", "unigram"])


@KINDS
def test_frequent_words_become_one_token(tokenizer: Tokenizer) -> None:
    """A word that occurs twice and was spelled in pieces is one token now, which knows its pieces.

    One that occurs once stays in pieces, and tokens that were there keep their ids.
    """
    before = tokenizer.get_vocab(with_added_tokens=True)
    vocabulary = build_vocabulary(tokenizer, TEXTS, most_words=100)
    assert before.items() <= vocabulary.tokenizer.get_vocab(with_added_tokens=True).items()
    encoding = vocabulary.tokenizer.encode("and bricks", add_special_tokens=False)
    word = encoding.ids[-1]
    assert encoding.tokens[-1].strip("\u0120\u2581") == "bricks"
    spelled = [tokenizer.id_to_token(number).removeprefix("##") for number in vocabulary.pieces[word]]
    assert "".join(spelled) == encoding.tokens[-1]
    assert len(spelled) > 1
    assert len(vocabulary.tokenizer.encode("and lonely", add_special_tokens=False).ids) > 2
    assert len(vocabulary) == vocabulary.tokenizer.get_vocab_size(with_added_tokens=True)


@KINDS
def test_the_most_frequent_words_come_first(tokenizer: Tokenizer) -> None:
    """With room for one word it is the most frequent one; with room for none the tokenizer reads as before."""
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    one = build_vocabulary(tokenizer, [*TEXTS, "walls walls walls"], most_words=1)
    assert one.tokenizer.id_to_token(size).strip("\u0120\u2581") == "walls"
    assert len(one) == size + 1
    assert len(build_vocabulary(tokenizer, TEXTS, most_words=0)) == size


@KINDS
def test_counts_are_those_of_the_new_tokens(tokenizer: Tokenizer) -> None:
    """Each token is counted as often as the texts hold it, read with the new words and never cut."""
    vocabulary = build_vocabulary(tokenizer, TEXTS, most_words=100)
    expected = [0] * len(vocabulary)
    for text in TEXTS:
        for number in vocabulary.tokenizer.encode(text, add_special_tokens=False).ids:
            expected[number] += 1
    assert vocabulary.counts.tolist() == expected
    assert vocabulary.tokenizer.truncation is None
    assert vocabulary.tokenizer.padding is None


def test_special_and_unused_tokens_have_no_pieces() -> None:
    """What no text can hold is not encoded: special tokens and places that were left free."""
    tokenizer = _wordpiece()
    vocabulary = build_vocabulary(tokenizer, TEXTS, most_words=0)
    empty = [tokenizer.id_to_token(i) for i, pieces in enumerate(vocabulary.pieces) if not pieces]
    assert empty == ["[PAD]", "[unused1]", "[UNK]", "[CLS]"]


def test_no_texts_give_the_plain_vocabulary() -> None:
    """Without a text there are no words and no counts."""
    vocabulary = build_vocabulary(_wordpiece(), [], most_words=10)
    assert vocabulary.counts.sum() == 0
    empty = build_vocabulary(_wordpiece(), ["", ""], most_words=10)
    assert empty.counts.sum() == 0


def test_gaps_between_ids_are_filled() -> None:
    """A vocabulary with ids that no token has is widened after its last id."""
    content = json.loads(_wordpiece().to_str())
    content["model"]["vocab"]["##late"] = 40
    content["added_tokens"] = []
    vocabulary = build_vocabulary(Tokenizer.from_str(json.dumps(content)), TEXTS, most_words=100)
    assert vocabulary.tokenizer.token_to_id("##late") == 40
    assert len(vocabulary.pieces) > max(vocabulary.tokenizer.encode(" ".join(TEXTS)).ids)


def test_unknown_kind_of_tokenizer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer that we can't widen is an error that says how to go on without words."""
    from vectune.train import static_vocabulary

    monkeypatch.setattr(static_vocabulary, "_EXTENSIONS", {})  # all kinds that tokenizers has can be widened
    with pytest.raises(ModelError, match="vocabulary of a WordPiece tokenizer"):
        build_vocabulary(_wordpiece(), TEXTS, most_words=10)
