from __future__ import annotations

import json

from vectune.data.certificate import BY_HASH, Certificate


def certificate(near: int) -> Certificate:
    overlaps = {"train/test": {"queries": 0, "documents": 0, "near_duplicates": near}}
    return Certificate({"train": 7}, overlaps, BY_HASH, 3, (0.7, 0.1, 0.2), 5, notes=("a note",))


def test_clean_means_that_nothing_is_shared() -> None:
    """One near-duplicate spoils it."""
    assert certificate(0).clean
    assert not certificate(1).clean


def test_the_certificate_is_json() -> None:
    """What split.json holds can be read back unchanged, the judgement included."""
    plain = certificate(1).as_json()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["clean"], plain["seed"], plain["giant"], plain["shares"]) == (False, 3, None, [0.7, 0.1, 0.2])
    assert plain["uncompared"] == {}
