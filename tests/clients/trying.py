"""Clients that are not ours, against a live service: `python -m tests.clients.trying` prints what was tried as a table.

They are installed by tests/clients/prepare.sh in the folder that VECTUNE_CLIENTS names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openai

from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.service_process import Service, serving

FOLDER = "VECTUNE_CLIENTS"
DIM = 32
PROGRAMS = Path(__file__).parent / "programs"
_TABLES = "llama-index/lib/python3*/site-packages/llama_index/core/_static/tiktoken_cache"
"""llama-index brings tiktoken's tables along, so that no network is needed."""
_CL100K = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""cl100k_base as tiktoken keeps it: its name is the SHA-1 of the address it is had from."""


@dataclass(frozen=True)
class Bench:
    """Where the clients are installed, two servers (one with a token table), and rows to tune with."""

    installed: Path
    plain: Service
    with_table: Service
    rows: Path

    def expected(self, texts: list[str]) -> np.ndarray:
        """Vectors that our own client gets."""
        client = openai.OpenAI(base_url=self.plain.url, api_key="none")
        answer = client.embeddings.create(model="text-embedding-3-small", input=texts)
        return np.array([entry.embedding for entry in answer.data])


@contextmanager
def bench(installed: Path, folder: Path) -> Iterator[Bench]:
    """The servers, while the block lasts."""
    model = save_tiny_model(folder / "model")
    for name in ("plain", "table"):
        (folder / name).mkdir()
    with_table = ("--workers", "0", "--set", f"token_table={_tables(installed) / _CL100K}")
    rows = write_jsonl(folder / "rows.jsonl", overlapping_pairs(40))
    with (
        serving(folder / "plain", model) as plain,
        serving(folder / "table", model, *with_table) as other,
    ):
        plain.wait_until_ready()
        other.wait_until_ready()
        yield Bench(installed, plain, other, rows)


def langchain_texts(on: Bench) -> Mapping[str, str]:
    """LangChain as its users are told to set it up: texts come back as vectors."""
    told = _langchain(on, on.plain, "texts")
    _same(told, on, 2)
    return dict(told["versions"])


def langchain_tokens_refused(on: Bench) -> Mapping[str, str]:
    """LangChain as it is by default sends token numbers: the answer names the setting, on both sides."""
    told = _langchain(on, on.plain, "tokens")
    assert "check_embedding_ctx_length=False" in told["refused"], told
    assert "token_table" in told["refused"], told
    return dict(told["versions"])


def langchain_tokens(on: Bench) -> Mapping[str, str]:
    """With a token table the server reads the numbers back as the texts that they are."""
    told = _langchain(on, on.with_table, "tokens")
    _same(told, on, 2)
    return dict(told["versions"])


def llama_index(on: Bench) -> Mapping[str, str]:
    """llama-index's class for servers that speak as OpenAI does."""
    told = _python(on, "llama-index", "llama_index_embeddings.py", on.plain.url)
    _same(told, on, 3)
    return dict(told["versions"])


def node(on: Bench) -> Mapping[str, str]:
    """The official Node client: upload, tune, poll, page through events, embed, be refused."""
    told = _run(
        ["node", str(PROGRAMS / "circle.mjs"), on.plain.url, str(on.rows), str(on.installed / "node/node_modules")]
    )
    assert told["status"] == "succeeded", told
    assert told["tuned"].split(":")[3] == "node"
    assert (told["results"], told["listed"], told["same"], told["refused"]) == (3, True, True, "model_not_found"), told
    assert told["events"] == told["distinct"] > 3
    np.testing.assert_allclose(told["vectors"], told["plain"], atol=1e-6)
    assert np.shape(told["plain"]) == (2, DIM)
    return dict(told["versions"])


TRIES: Mapping[str, Callable[[Bench], Mapping[str, str]]] = {
    "LangChain `OpenAIEmbeddings(check_embedding_ctx_length=False)`": langchain_texts,
    "LangChain `OpenAIEmbeddings()`, refused with the way out": langchain_tokens_refused,
    "LangChain `OpenAIEmbeddings()` and `token_table`": langchain_tokens,
    "llama-index `OpenAILikeEmbedding`": llama_index,
    "OpenAI's Node client, the whole circle": node,
}


def main() -> None:
    """Try all and print the table."""
    installed = os.environ.get(FOLDER)
    if not installed:
        raise SystemExit(f"Name the folder that tests/clients/prepare.sh prints: {FOLDER}=FOLDER")
    print("| client | versions |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as name, bench(Path(installed), Path(name)) as on:
        for what, attempt in TRIES.items():
            versions = attempt(on)
            print(f"| {what} | {', '.join(f'{each} {number}' for each, number in versions.items())} |", flush=True)
    curl = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    print(f"| curl, as `vectune serve --print-example` prints it (in the default tests) | curl {curl} |")


def _tables(installed: Path) -> Path:
    (folder,) = installed.glob(_TABLES)
    return folder


def _langchain(on: Bench, service: Service, sends: str) -> Any:
    tables = str(_tables(on.installed))
    return _python(on, "langchain", "langchain_embeddings.py", service.url, sends, tables)


def _python(on: Bench, environment: str, program: str, *arguments: str) -> Any:
    python = on.installed / environment / "bin" / "python"
    return _run([str(python), str(PROGRAMS / program), *arguments])


def _run(command: list[str]) -> Any:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def _same(told: Any, on: Bench, documents: int) -> None:
    """What a client got is what our own client gets, in the same order."""
    assert "refused" not in told, told
    texts = ["red1 cat2", "dog3 sun4 rain5", "blue1"][:documents]
    np.testing.assert_allclose(told["documents"], on.expected(texts), atol=1e-5)
    np.testing.assert_allclose(told["query"], on.expected(["red1 cat2"])[0], atol=1e-5)


if __name__ == "__main__":
    sys.exit(main())
