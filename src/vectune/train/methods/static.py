"""A token table distilled from the base, then tuned row by row."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from vectune.config.train import TrainConfig
from vectune.encode.loading import load_model, save_model
from vectune.encode.resolve import resolve_model
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.static_encoder import StaticEncoder
from vectune.encode.weights_key import weights_key
from vectune.store.atomic import folder_aside
from vectune.store.checksums import is_sound, write_checksums
from vectune.train.distil_static import TableShape, distil
from vectune.train.interpolate import Weights
from vectune.train.methods.full import require_transformer
from vectune.train.methods.method import Start

_MADE_FROM = "made_from"
"""A file beside the table that names what it was made from."""


class Static:
    """Tunes a table of token vectors in place of the transformer. A base that is a token table is tuned as it is."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config

    def dim(self, base: SentenceEncoder) -> int:
        """That of the settings, at most that of the base; ModelError for a base that can't be distilled."""
        if isinstance(base, StaticEncoder):
            return base.dim
        return min(self._config.static_dim, require_transformer(base).dim)

    def begin(self, base: SentenceEncoder, start: Start) -> SentenceEncoder:
        """The distilled table; it is kept in `start.kept`, and taken from there when the run is gone on with.

        One that is not what was kept is distilled again, which is said.
        """
        encoder = base if isinstance(base, StaticEncoder) else self._distilled(base, start)
        encoder.table.sparse = True
        return encoder

    def unlearnt(self, before: Weights, tuned: Weights) -> Weights:
        """The table as it was distilled."""
        return before

    def shares(self, wanted: tuple[float, ...]) -> tuple[float, ...]:
        """Those of the config and 0: the distilled table may be better than any tuned one."""
        return (0.0, *wanted)

    def finish(self, encoder: SentenceEncoder, folder: Path) -> None:
        """Nothing is left to do."""

    def _distilled(self, base: SentenceEncoder, start: Start) -> StaticEncoder:
        config = self._config
        shape = TableShape(config.static_dim, config.static_words, config.static_sif, config.static_whitening)
        key = _key(base, start.texts, shape)
        damaged = start.kept.exists() and not is_sound(start.kept)
        if damaged:
            start.progress.note("the distilled table that was kept is damaged: it is distilled again")
        if damaged or not _is_of(start.kept, key):
            shutil.rmtree(start.kept, ignore_errors=True)
            distilled = distil(base, start.texts, shape, start.progress)
            with folder_aside(start.kept) as aside:
                save_model(distilled.model, aside)
                (aside / _MADE_FROM).write_text(key, encoding="ascii")
                write_checksums(aside)
        return StaticEncoder(load_model(resolve_model(str(start.kept)), str(base.device)), base.name)


def _key(base: SentenceEncoder, texts: Sequence[str], shape: TableShape) -> str:
    """Names what a table is made from: the base's weights, the texts and the shape."""
    digest = hashlib.sha256(f"{weights_key(base.model)} {shape}".encode())
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(f"{len(raw)}:".encode() + raw)
    return digest.hexdigest()


def _is_of(folder: Path, key: str) -> bool:
    try:
        return (folder / _MADE_FROM).read_text(encoding="ascii") == key
    except OSError:
        return False
