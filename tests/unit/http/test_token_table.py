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


@pytest.mark.parametrize(("size", "end"), [(50_256, 50_256), (50_280, 50_256), (100_256, 100_257), (199_998, 199_999)])
def test_special_tokens_of_known_tables(tmp_path: Path, size: int, end: int) -> None:
    """The end of a text, which stands in no file, is read back as tiktoken does; a table of another size has none."""
    numbers = [number for number in range(size + 1) if number != end][:size]
    lines = [base64.b64encode(b"%d " % number) + b" %d\n" % number for number in numbers]
    file = tmp_path / "table.tiktoken"
    file.write_bytes(b"".join(lines))
    assert read_token_table(file).decode([9906, end]) == "9906 <|endoftext|>"
    file.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(KeyError):
        read_token_table(file).decode([end])


@pytest.mark.parametrize("content", [b"no table at all\n", b"YQ==\n", b"!! 5\n", None])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    """A file that is none, or not there, is refused when the server starts."""
    file = tmp_path / "table"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="token table"):
        read_token_table(file)
