"""Token numbers back to text."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from vectune.errors import ConfigError
from vectune.http.token_table import read_token_table


def test_file_in_tiktokens_form(tmp_path: Path) -> None:
    """Tokens are put together as bytes, so that a letter may lie across two of them."""
    file = tmp_path / "table.tiktoken"
    parts = [b"caf", "é".encode()[:1], "é".encode()[1:]]
    file.write_bytes(b"".join(base64.b64encode(part) + b" %d\n" % number for number, part in enumerate(parts)))
    table = read_token_table(file)
    assert table.decode([0, 1, 2]) == "café"
    assert table.decode([0, 1]) == "caf\ufffd"
    with pytest.raises(KeyError):
        table.decode([3])


@pytest.mark.parametrize("content", [b"no table at all\n", b"YQ==\n", b"!! 5\n", None])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    """A file that is none, or not there, is refused when the server starts."""
    file = tmp_path / "table"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="token table"):
        read_token_table(file)
