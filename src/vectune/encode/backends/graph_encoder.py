"""An exported graph behind the Encoder protocol: tokens while the graph runs, batches without much padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vectune.encode.backends.text_tokens import TextTokens
from vectune.encode.encoder import Vectors
from vectune.encode.export.manifest import TOKENIZER_FILE, Manifest
from vectune.encode.tokenised import Idle, Tokenised
from vectune.encode.tokens import Indices, Tokens, even_cuts
from vectune.monitor.progress import Progress
from vectune.records import Role

_BATCH_TOKENS = 1024
_OVERHEAD_TOKENS = 64  # what one more batch costs: reading all weights, and kernels for its shape
_BLOCK_TEXTS = 2048
_WORTH_PADDING = 8  # one token of padding for so many; see "Widths that kernels like", docs/benchmarks.md


@dataclass(frozen=True)
class Batch:
    """Texts at `rows` as the graph takes them: ids and mask, int64 [texts, tokens]."""

    rows: Indices
    ids: NDArray[np.int64]
    mask: NDArray[np.int64]


class Session(Protocol):
    """A graph in a runtime, with several workers."""

    @property
    def workers(self) -> int:
        """Batches that run at the same time."""

    @property
    def precision(self) -> str:
        """Arithmetic of the forward pass, but for products of int8 weights."""

    @property
    def stride(self) -> int:
        """Batches are quickest where they are a multiple of so many tokens wide; 1 where that does not matter."""

    def run(self, batches: Iterable[Batch], keep: Callable[[Indices, Vectors], None], idle: Idle | None = None) -> None:
        """Run all batches and hand each one's rows and vectors to `keep`, in any order and from any thread.

        `idle` is called once when all have begun and a worker has nothing to do; another thread may then run some too.
        It is not called where all cores are busy to the end.
        """


class GraphEncoder:
    """Owns a session. Texts are sorted by length in characters and tokenised block by block while the graph runs;
    within a block they are sorted by tokens and cut into micro-batches."""

    takes_tokens = True

    def __init__(
        self, folder: Path, manifest: Manifest, session: Session, name: str, max_tokens: int | None = None
    ) -> None:
        self.name = name
        self.manifest = manifest
        self.max_tokens = min(max_tokens or manifest.max_tokens, manifest.max_tokens)
        self._session = session
        self._tokens = TextTokens(
            folder / TOKENIZER_FILE, self.max_tokens, manifest.truncation_side, lower_case=manifest.lower_case
        )

    @property
    def dim(self) -> int:
        """Length of a full vector."""
        return self.manifest.dim

    @property
    def precision(self) -> str:
        """Arithmetic of the forward pass, but for products of int8 weights."""
        return self._session.precision

    def prompt(self, role: Role) -> str:
        """The text that goes before a query or a document."""
        return self.manifest.query_prompt if role is Role.QUERY else self.manifest.document_prompt

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1; order kept; the role's prompt applied."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)

        def keep(rows: Indices, found: Vectors) -> None:
            vectors[rows] = found

        self._session.run(self._batches(texts, self.prompt(role), progress), keep)
        return vectors

    def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
        """`texts` as `encode_tokens` takes them, and how many tokens each has; see TokenEncoder."""
        prompt = self.prompt(role)
        if not prompt:
            return self._tokens.read(texts)
        return Tokenised(self._tokens.count(texts), self._tokens.tokens([prompt + text for text in texts]))

    def encode_tokens(self, tokens: Tokens, role: Role, idle: Idle | None = None) -> Vectors:
        """Vectors of texts that `tokenise` read, float32 [len(tokens), dim], each of L2 norm 1; order kept."""
        vectors = np.zeros((len(tokens), self.dim), dtype=np.float32)

        def keep(rows: Indices, found: Vectors) -> None:
            vectors[rows] = found

        parts = self._parts(tokens)
        pad = self.manifest.pad_id
        self._session.run((Batch(rows, *tokens.padded(rows, pad, width)) for rows, width in parts), keep, idle)
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut, special tokens included: int64 [len(texts)]."""
        return self._tokens.count(texts)

    def _batches(self, texts: Sequence[str], prompt: str, progress: Progress | None) -> Iterator[Batch]:
        """Longest texts first. Progress is told here, in the caller's thread, as batches are taken."""
        order = np.argsort([-len(text) for text in texts], kind="stable")
        blocks = [order[start : start + _BLOCK_TEXTS] for start in range(0, len(order), _BLOCK_TEXTS)]

        def tokenise(block: Indices) -> Tokens:
            return self._tokens.tokens([prompt + texts[place] for place in block])

        for block, tokens in zip(blocks, _ahead(tokenise, blocks), strict=True):
            for rows, width in self._parts(tokens):
                yield Batch(block[rows], *tokens.padded(rows, self.manifest.pad_id, width))
                if progress is not None:
                    progress.advance(len(rows))

    def _parts(self, tokens: Tokens) -> list[tuple[Indices, int]]:
        """Micro-batches, each with its width: what fits the cache of a core, as many as keep all workers busy."""
        widths = quick_widths(tokens.lengths, self._session.stride, self.manifest.max_tokens)
        parts = even_cuts(widths, self._session.workers, _BATCH_TOKENS, _OVERHEAD_TOKENS)
        return [(rows, int(widths[rows].max(initial=1))) for rows in parts]


def quick_widths(lengths: Indices, stride: int, most: int) -> Indices:
    """How wide the batches of texts of these lengths are best made, int64 [texts]: the next multiple of `stride` where
    that is near, and within `most`, else the length itself.

    Near is half of a stride, and an eighth of the length: further away padding costs more than it saves. For a lone
    text it is always near: to go from one shape to another costs a runtime more than so few tokens do.
    """
    full = np.maximum(np.minimum(-(-lengths // stride) * stride, most), lengths)
    if len(lengths) == 1:
        return full
    return np.where(full - lengths <= np.minimum(lengths // _WORTH_PADDING, stride // 2), full, lengths)


def _ahead(tokenise: Callable[[Indices], Tokens], blocks: Sequence[Indices]) -> Iterator[Tokens]:
    """What `tokenise` gives for each block, the next one in a thread while the present one is used. A thread for one
    block alone would cost a single text as much as its tokens do."""
    if len(blocks) == 1:
        yield tokenise(blocks[0])
        return
    with ThreadPoolExecutor(1, thread_name_prefix="vectune-tokens") as pool:
        following = [pool.submit(tokenise, block) for block in blocks[:1]]
        for number in range(len(blocks)):
            tokens = following.pop().result()
            following = [pool.submit(tokenise, block) for block in blocks[number + 1 : number + 2]]
            yield tokens
