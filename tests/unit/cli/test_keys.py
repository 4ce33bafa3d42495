"""`vectune keys`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vectune.cli.main import main
from vectune.jobs.keys import KeyLimits, open_keys


def _run(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> str:
    assert main(["keys", *arguments, "--home", str(home)]) == 0
    return capsys.readouterr().out


def test_life_of_a_key(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Made, shown once, listed without its secret, revoked."""
    assert "no keys yet" in _run(capsys, tmp_path, "list")
    shown = _run(capsys, tmp_path, "create", "laptop", "--project", "search", "--requests-per-minute", "600")
    secret = shown.split()[-1]
    assert secret.startswith("vt-")
    store = open_keys(tmp_path, f"sqlite:///{tmp_path}/vectune.db")
    found = store.find(secret)
    assert found is not None
    assert (found.project, found.limits) == ("search", KeyLimits(requests_a_minute=600))
    listed = _run(capsys, tmp_path, "list")
    for word in ("laptop", "search", "600 requests/min", found.key):
        assert str(word) in listed
    assert secret[-43:] not in listed
    assert "revoked" in _run(capsys, tmp_path, "revoke", "laptop")
    assert "revoked" in _run(capsys, tmp_path, "list")
    assert open_keys(tmp_path, f"sqlite:///{tmp_path}/vectune.db").find(secret) is None


def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each action prints one object; that of `create` alone has the secret."""
    made = json.loads(_run(capsys, tmp_path, "create", "laptop", "--tokens-in-all", "5", "--json"))
    assert made["secret"].startswith(f"vt-{made['id']}-")
    assert made["limits"]["tokens_in_all"] == 5
    (listed,) = json.loads(_run(capsys, tmp_path, "list", "--json"))["keys"]
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    assert json.loads(_run(capsys, tmp_path, "revoke", made["id"], "--json"))["revoked_at"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create",), "create NAME"),
        (("lose", "it"), "action"),
        (("create", "a", "--project", "a/b"), "project"),
        (("create", "a", "--jobs-at-once", "0"), "jobs_at_once"),
        (("list", "--database", "mysql://localhost/x"), "mysql"),
    ],
    ids=str,
)
def test_asked_wrongly(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    """A sentence and status 2."""
    assert main(["keys", *arguments, "--home", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err


def test_key_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Revoking what there is not is told with the way to what there is."""
    assert main(["keys", "revoke", "gone", "--home", str(tmp_path)]) == 1
    assert "vectune keys list" in capsys.readouterr().err


def test_database_from_the_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL with a password need not stand among the arguments; one that does goes before it."""
    monkeypatch.setenv("VECTUNE_DATABASE", f"sqlite:///{tmp_path}/other.db")
    secret = _run(capsys, tmp_path / "home", "create", "laptop").split()[-1]
    store = open_keys(tmp_path / "home", f"sqlite:///{tmp_path}/other.db")
    assert store.find(secret) is not None
    assert not (tmp_path / "home" / "vectune.db").exists()
    assert "no keys yet" in _run(capsys, tmp_path / "home", "list", "--database", f"sqlite:///{tmp_path}/third.db")
    store.close()
