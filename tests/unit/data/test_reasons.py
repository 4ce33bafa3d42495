"""Tests of data/reasons.py."""

from __future__ import annotations

from vectune.data import reasons


def test_every_slug_has_its_sentence() -> None:
    """No reason is left without an explanation, and parts are reasons too."""
    slugs = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    assert slugs <= reasons.REASONS.keys()
    assert reasons.REASONS.keys() >= reasons.PARTS
    assert all(sentence.endswith(".") for sentence in reasons.REASONS.values())


def test_roles_have_slugs_of_one_form() -> None:
    """Absent and empty values are told by role."""
    assert reasons.missing("positive") == "missing positive"
    assert reasons.empty("anchor") == "empty anchor"
    assert {"missing label", "missing document", "empty second"} <= reasons.REASONS.keys()
