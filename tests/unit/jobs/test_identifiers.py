"""Ids."""

from __future__ import annotations

from vectune.jobs.identifiers import derived_id, new_id


def test_new_ids_differ_and_have_a_prefix() -> None:
    """No two ids are alike; each says what it names."""
    found = {new_id("file-") for _ in range(100)}
    assert len(found) == 100
    assert all(name.startswith("file-") and len(name) == 29 and name[5:].isalnum() for name in found)


def test_derived_ids_follow_from_their_parts() -> None:
    """Equal parts give equal ids, others others."""
    assert derived_id("e-", "a", "b") == derived_id("e-", "a", "b") != derived_id("e-", "ab", "")
