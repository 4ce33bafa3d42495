"""Names of files, jobs, events and checkpoints: a prefix that says what they are, and 24 letters and digits."""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH = 24


def new_id(prefix: str) -> str:
    """`prefix` and 24 characters drawn by the system (142 bits)."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def derived_id(prefix: str, *parts: str) -> str:
    """`prefix` and 24 characters that follow from `parts`: equal parts give the same id in every process."""
    number = int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest(), "big")
    letters = []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return prefix + "".join(letters)
