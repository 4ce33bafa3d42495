"""How fast a model reads whole texts, tried on a few before a method that reads none until it is judged.

Whoever watches can tell from it when all will be done. The vectors are thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vectune.encode.encoder import Encoder
from vectune.monitor.progress import Progress
from vectune.records import Dataset, Retrieval, Scored

TRIAL = "try the base"
"""The stage's name."""
_GROUPS, _TOGETHER = 8, 8
"""Texts of a group are of about one length, as those of a batch are when all texts are encoded."""
_COUNTED = 1024
"""Texts of which the lengths are looked at, in tokens, at most."""
_ONE_OF = 16
"""No more than one text of so many is tried: it is to take little beside the judging of all."""


def try_out(encoder: Encoder, data: Dataset, progress: Progress) -> None:
    """Encode up to 64 of the texts that `data` is judged by, of all lengths alike; nothing where there are too few.

    One of middle length comes before them: what a model does only once is over when the others begin.
    """
    texts = _texts(data)
    together = min(_TOGETHER, len(texts) // (_ONE_OF * _GROUPS))
    if not together:
        return
    progress.stage(TRIAL, 1 + _GROUPS * together)
    texts = _by_length(encoder, texts[:: -(-len(texts) // _COUNTED)])
    firsts = [(2 * group + 1) * len(texts) // (2 * _GROUPS) - together // 2 for group in range(_GROUPS)]
    for some in ([texts[len(texts) // 2]], *(texts[first : first + together] for first in firsts)):
        encoder.encode(some)
        progress.advance(len(some))


def _by_length(encoder: Encoder, texts: Sequence[str]) -> list[str]:
    """Longest first, in tokens: words and characters tell them too badly."""
    return [texts[place] for place in np.argsort(-encoder.count_tokens(texts), kind="stable")]


def _texts(data: Dataset) -> list[str]:
    if isinstance(data, Retrieval):
        return [*data.queries.values(), *data.corpus.values()]
    if isinstance(data, Scored):
        return [text for pair in data.pairs for text in (pair.first, pair.second)]
    return [text.text for text in data.texts]
