"""Token numbers back to text, by a tiktoken file: each line is a token's bytes in base64 and its number."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

from vectune.errors import ConfigError

_END = b"<|endoftext|>"
_SPECIAL: dict[int, dict[int, bytes]] = {
    50_256: {50_256: _END},  # r50k_base
    50_280: {50_256: _END},  # p50k_base
    100_256: {
        100_257: _END, 100_258: b"<|fim_prefix|>", 100_259: b"<|fim_middle|>", 100_260: b"<|fim_suffix|>",
        100_276: b"<|endofprompt|>",
    },  # cl100k_base
    199_998: {199_999: _END, 200_018: b"<|endofprompt|>"},  # o200k_base
}  # fmt: skip
"""Special tokens of OpenAI's encodings, by the number of lines in a table's file, which lacks them."""


class TokenTable:
    """The tokens of one byte-pair encoding. Only reading back is needed, so tiktoken itself is not."""

    def __init__(self, tokens: dict[int, bytes]) -> None:
        self._tokens = tokens

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of `numbers`; bytes that are no UTF-8 become U+FFFD. KeyError for a number that is none."""
        return b"".join(self._tokens[number] for number in numbers).decode("utf-8", "replace")


def read_token_table(file: Path) -> TokenTable:
    """The table in `file`, with the special tokens of an encoding of OpenAI's; ConfigError when it can't be read."""
    try:
        lines = file.read_bytes().split(b"\n")
        pairs = (line.split() for line in lines if line)
        tokens = {int(number): base64.b64decode(token, validate=True) for token, number in pairs}
    except (OSError, ValueError, binascii.Error) as error:
        raise ConfigError(
            f"The token table {file} can't be read: {' '.join(str(error).split())[:200]}.",
            "Give a file such as cl100k_base.tiktoken, or leave out `token_table`.",
        ) from error
    return TokenTable(_SPECIAL.get(len(tokens), {}) | tokens)
