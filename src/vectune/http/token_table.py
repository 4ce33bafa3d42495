"""Token numbers back to text, by a tiktoken file: each line is a token's bytes in base64 and its number."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

from vectune.errors import ConfigError


class TokenTable:
    """The tokens of one byte-pair encoding. Only reading back is needed, so tiktoken itself is not."""

    def __init__(self, tokens: dict[int, bytes]) -> None:
        self._tokens = tokens

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of `numbers`; bytes that are no UTF-8 become U+FFFD. KeyError for a number that is none."""
        return b"".join(self._tokens[number] for number in numbers).decode("utf-8", "replace")


def read_token_table(file: Path) -> TokenTable:
    """The table in `file`; ConfigError when it can't be read."""
    try:
        lines = file.read_bytes().split(b"\n")
        pairs = (line.split() for line in lines if line)
        return TokenTable({int(number): base64.b64decode(token, validate=True) for token, number in pairs})
    except (OSError, ValueError, binascii.Error) as error:
        raise ConfigError(
            f"The token table {file} can't be read: {' '.join(str(error).split())[:200]}.",
            "Give a file such as cl100k_base.tiktoken, or leave out `token_table`.",
        ) from error
