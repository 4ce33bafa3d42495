"""The tokens of a token table: those of a base's tokenizer, and frequent whole words of the user's texts beside them.

A word that the base spells in several tokens gets one token of its own by standing in the vocabulary: the tokenizer's
own rules then prefer it, so that reading stays as fast as before.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from vectune.errors import ModelError

_BLOCK = 4096
_LEAST_COUNT = 2
_MOST_PIECES = 12
_NEVER_READ = re.compile(r"\[unused\d+\]|<unused_?\d*>|<extra_id_\d+>|\[PAD\d+\]")
_SPACE = re.compile(r"[\s\u2581\u0120]")

Pieces = tuple[int, ...]


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer and what its tokens are made of.

    `pieces` [V] has the base's token ids that each token stands for: itself, or those of a whole word; none for a token
    that no text can hold. `counts` int64 [V] tells how often each token stands in the texts.
    """

    tokenizer: Tokenizer
    pieces: tuple[Pieces, ...]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pieces)


def build_vocabulary(tokenizer: Tokenizer, texts: Sequence[str], most_words: int) -> Vocabulary:
    """The vocabulary of `tokenizer` with up to `most_words` words of `texts`, the most frequent ones, in addition."""
    plain = _uncut(tokenizer.to_str())
    words = _frequent_words(plain, texts, most_words) if most_words else {}
    size = _size(plain)
    wider = _with_words(plain, words) if words else plain
    own = [() if _is_special(plain, number) else (number,) for number in range(size)]
    pieces = (*own, *words.values())
    return Vocabulary(wider, pieces, _counts(wider, texts, len(pieces)))


def _uncut(content: str) -> Tokenizer:
    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _size(tokenizer: Tokenizer) -> int:
    """The first id after all tokens; ids may have gaps."""
    return max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1


def _is_special(tokenizer: Tokenizer, number: int) -> bool:
    token = tokenizer.id_to_token(number)
    added = tokenizer.get_added_tokens_decoder().get(number)
    return token is None or (added is not None and added.special) or bool(_NEVER_READ.fullmatch(token))


def _frequent_words(tokenizer: Tokenizer, texts: Sequence[str], most: int) -> dict[str, Pieces]:
    """Words of several tokens that occur at least twice, the most frequent first: as a vocabulary spells them."""
    found: Counter[Pieces] = Counter()
    for start in range(0, len(texts), _BLOCK):
        for encoding in tokenizer.encode_batch(list(texts[start : start + _BLOCK]), add_special_tokens=False):
            found.update(_words(encoding.ids, encoding.word_ids))
    taken = tokenizer.get_vocab(with_added_tokens=True)
    unknown = {number for token, number in taken.items() if token in ("[UNK]", "<unk>")}
    words: dict[str, Pieces] = {}
    for pieces, count in found.most_common():
        if count < _LEAST_COUNT or len(words) == most:
            break
        word = "".join((tokenizer.id_to_token(number) or "").removeprefix("##") for number in pieces)
        # A tokenizer that does not divide at spaces gives whole sentences here.
        if word not in taken and not _SPACE.search(word, 1) and unknown.isdisjoint(pieces):
            words[word] = pieces
    return words


def _words(ids: Sequence[int], word_ids: Sequence[int | None]) -> list[Pieces]:
    """The groups of several neighbouring tokens that belong to one word."""
    groups: list[Pieces] = []
    start = 0
    for place in range(1, len(ids) + 1):
        if place == len(ids) or word_ids[place] != word_ids[start]:
            if 1 < place - start <= _MOST_PIECES and word_ids[start] is not None:
                groups.append(tuple(ids[start:place]))
            start = place
    return groups


def _with_words(tokenizer: Tokenizer, words: dict[str, Pieces]) -> Tokenizer:
    """The tokenizer with the words in its vocabulary, at the ids after the last one."""
    content = json.loads(tokenizer.to_str())
    kind = content["model"].get("type", "")
    if kind not in _EXTENSIONS:
        raise ModelError(
            f"Words can't be put into the vocabulary of a {kind or 'nameless'} tokenizer.",
            "Use --set train.static_words=0.",
        )
    size = _size(tokenizer)
    known = [tokenizer.id_to_token(number) or f"<no token {number}>" for number in range(size)]
    _EXTENSIONS[kind](content["model"], known, words)
    return _uncut(json.dumps(content))


def _extend_words(model: dict[str, Any], known: Sequence[str], words: dict[str, Pieces]) -> None:
    """WordPiece and WordLevel look a whole word up first."""
    model["vocab"] = {token: number for number, token in enumerate([*known, *words])}


def _extend_merges(model: dict[str, Any], known: Sequence[str], words: dict[str, Pieces]) -> None:
    """BPE looks a whole word up first when told to pass over its merges."""
    _extend_words(model, known, words)
    model["ignore_merges"] = True


def _extend_scores(model: dict[str, Any], known: Sequence[str], words: dict[str, Pieces]) -> None:
    """Unigram takes the split of the highest score: a word gets a little more than its pieces have together."""
    scored: list[list[Any]] = model["vocab"]
    lowest = min((score for _, score in scored), default=0.0)
    scored += [[token, lowest - 10.0] for token in known[len(scored) :]]
    scored += [[word, sum(scored[number][1] for number in pieces) + 0.1] for word, pieces in words.items()]


_EXTENSIONS: dict[str, Callable[[dict[str, Any], Sequence[str], dict[str, Pieces]], None]] = {
    "WordPiece": _extend_words,
    "WordLevel": _extend_words,
    "BPE": _extend_merges,
    "Unigram": _extend_scores,
}


def _counts(tokenizer: Tokenizer, texts: Sequence[str], size: int) -> NDArray[np.int64]:
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, len(texts), _BLOCK):
        encodings = tokenizer.encode_batch_fast(list(texts[start : start + _BLOCK]), add_special_tokens=False)
        ids = np.concatenate([np.array(encoding.ids, dtype=np.int64) for encoding in encodings])
        counts += np.bincount(ids, minlength=size)
    return counts
