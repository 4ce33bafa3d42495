"""Keys as people use them: made, used and revoked while a real server runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from tests.functional.command_line import run_here
from tests.functional.service_process import serving

MODEL = "text-embedding-3-small"


def _embed(url: str, key: str, text: str = "red1") -> bool:
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        return bool(client.embeddings.create(model=MODEL, input=text).data)


def _spend(url: str, key: str) -> None:
    for _ in range(30):
        _embed(url, key, "red1 red2")


def _until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.1)


def _opens(url: str, key: str) -> bool:
    try:
        return _embed(url, key)
    except openai.AuthenticationError:
        return False


def test_keys_of_a_running_server(tmp_path: Path, tiny_model_folder: Path) -> None:
    """The first key closes a server that runs; it opens it for its holder; revoked, for nobody. With a key the server
    may listen on any address, and what was counted is there again after a restart."""
    home = tmp_path / "home"
    with serving(tmp_path, tiny_model_folder, "--workers", "0") as service:
        assert _opens(service.url, "none")
        made = run_here("keys", "create", "laptop", "--home", home, "--tokens-in-all", 50, "--json").json
        assert made["secret"] not in service.log.read_text(encoding="utf-8")
        _until(lambda: not _opens(service.url, "none"))
        assert _opens(service.url, made["secret"])
        assert service.status("/healthz") == service.status("/metrics") == 200
    with serving(tmp_path, tiny_model_folder, "--workers", "0", "--host", "0.0.0.0") as service:
        url = service.url.replace("0.0.0.0", "127.0.0.1")
        spent = run_here("keys", "list", "--home", home, "--json").json["keys"][0]["tokens_used"]
        assert spent > 0
        with pytest.raises(openai.RateLimitError) as refused:
            _spend(url, made["secret"])
        assert refused.value.code == "insufficient_quota"
        other = run_here("keys", "create", "server", "--home", home).out.split()[-1]
        assert _opens(url, other)
        assert run_here("keys", "revoke", "server", "--home", home).status == 0
        _until(lambda: not _opens(url, other))
        assert service.status("/v1/models") == 401
        log = service.log.read_text(encoding="utf-8")
        assert made["secret"][-43:] not in log
        assert other[-43:] not in log
