"""Places of the server in messages for clients."""

from __future__ import annotations

import time

import pytest

from vectune.jobs.places import without_paths

PLACE = "its place on the server"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/root/.cache/hub/models--a is bad.", f"{PLACE} is bad."),
        ("/secret is bad.", f"{PLACE} is bad."),
        ("Look at /secret.", f"Look at {PLACE}."),
        ("in ~/runs/a, ~anna/b and ~/c", f"in {PLACE}, {PLACE} and {PLACE}"),
        ("FileNotFoundError:/srv/secret", f"FileNotFoundError:{PLACE}"),
        ("--set token_table=/srv/secret", f"--set token_table={PLACE}"),
        ("/srv/secret:12: error", f"{PLACE}: error"),
        ("/srv/a:b/secret and /v1/srv", f"{PLACE} and /v1/srv"),
    ],
)
def test_paths(text: str, says: str) -> None:
    """A path is left out, wherever it lies and however short it is; what stands around it stays."""
    assert without_paths(text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("There is no model at /srv/my models/secret.", f"There is no model at {PLACE}."),
        ("/srv/my own models/secret/x.bin is bad.", f"{PLACE} is bad."),
        ("/srv/my secret.jsonl could not be read.", f"{PLACE} could not be read."),
        ("'/srv/my secret' is bad", f"'{PLACE}' is bad"),
        ('"/srv/Ann\'s secret" is bad', f'"{PLACE}" is bad'),
        ("`/srv/my secret (2)` is bad", f"`{PLACE}` is bad"),
        ("/srv/Ann's models/secret is bad", f"{PLACE} is bad"),
        (r"C:\Program Files\secret\x.bin is bad", f"{PLACE} is bad"),
        ("s3://bucket/my models/secret is bad", f"{PLACE} is bad"),
    ],
)
def test_paths_with_spaces(text: str, says: str) -> None:
    """A space ends no path that goes on behind it: with another slash, an ending of files, or up to its quote."""
    assert without_paths(text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file:///srv/secret is bad", f"{PLACE} is bad"),
        ("file:/srv/secret is bad", f"{PLACE} is bad"),
        ("s3://user:pass@bucket/secret is bad", f"{PLACE} is bad"),
        ("(s3://user:p(a)ss,'w;o@rd@bucket/secret)", f"({PLACE})"),
        ("postgresql+psycopg://user:pass@10.0.0.1/db.", f"{PLACE}."),
        ("SQLite:////srv/vectune.db is locked", f"{PLACE} is locked"),
        ("https://user:pass@10.0.0.1/v1 can't be reached.", "the endpoint can't be reached."),
        ("HTTP://10.0.0.1:80/v1: no", "the endpoint: no"),
        ("'http://10.0.0.1/v1'", "'the endpoint'"),
    ],
)
def test_addresses(text: str, says: str) -> None:
    """Of addresses nothing is told, least of all the passwords in them; those of endpoints are called endpoints."""
    assert without_paths(text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (r"C:\Users\x is bad.", f"{PLACE} is bad."),
        (r"'c:\\Users\\x'", f"'{PLACE}'"),
        ("D:/models/x is bad", f"{PLACE} is bad"),
        (r"\\host\share\x is bad", f"{PLACE} is bad"),
    ],
)
def test_paths_of_windows(text: str, says: str) -> None:
    """With a drive or a host in front, in either direction of the slash."""
    assert without_paths(text) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(see /srv/secret)", f"(see {PLACE})"),
        ("['/srv/a', '/srv/b']", f"['{PLACE}', '{PLACE}']"),
        ("{/srv/a} </srv/b> [/secret].", f"{{{PLACE}}} <{PLACE}> [{PLACE}]."),
        ('path="/srv/secret"; x', f'path="{PLACE}"; x'),
        ("`/srv/secret`!", f"`{PLACE}`!"),
        ("‘/srv/secret’ “/srv/my secret” x", f"‘{PLACE}’ “{PLACE}” x"),
        ("'/srv/secret is cut...", f"'{PLACE} is cut..."),
        ("/srv/my secret (copy)/x is bad", f"{PLACE} is bad"),
    ],
)
def test_what_closes_stays(text: str, says: str) -> None:
    """Brackets and quotes around a path are not of it."""
    assert without_paths(text) == says


@pytest.mark.parametrize(
    "text",
    [
        "Use and/or, 1/2 of it, 12 pairs/s, n/a, I/O, 3 / 4.",
        "There is no model org/name. GET /v1/models lists those there are; see /v1.",
        "The tokens <s> and </s> are missing.",
        "At 10:30 it had the ratio 1:2, 50%/epoch, ~5/6 of it and loss=0.1/step.",
        "Use --backend torch; e.g. a.b, it's 'fine' (so).",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """Words with a slash, the service's own paths and names of models are told as they are."""
    assert without_paths(text) == text


@pytest.mark.parametrize("words", ["had 12 pairs/s", "gave 3 of 4 rows and/or 1/2", "took 40 GiB, 5 texts/s"])
def test_ordinary_words_behind_a_path_stay(words: str) -> None:
    """A path does not go on with words that merely have a slash."""
    assert without_paths(f"/srv/secret {words}.") == f"{PLACE} {words}."


@pytest.mark.parametrize("part", ["a.", "/", "'/", "a b/", "x://", "@", "/a ", "/a:", r"C:\ ", "~", "\\\\a"])
def test_long_messages_take_no_time(part: str) -> None:
    """Whatever a message repeats, looking through it takes a moment."""
    began = time.perf_counter()
    without_paths(part * (40_000 // len(part)))
    assert time.perf_counter() - began < 2
