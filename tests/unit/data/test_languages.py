from __future__ import annotations

import pytest

from vectune.data.languages import language_shares

ENGLISH = "The quick brown fox jumps over the lazy dog while everybody is watching from the window."
GERMAN = "Der schnelle braune Fuchs springt über den faulen Hund, während alle aus dem Fenster schauen."
NUMBERS = "4711 0815 12 99 3.14 2.71 1.41"


def test_shares_add_up_and_the_largest_comes_first() -> None:
    """Three English texts and one German one are 75 % and 25 %."""
    shares = language_shares([ENGLISH, ENGLISH + " Really.", GERMAN, ENGLISH + " Indeed."])
    assert list(shares.items()) == [("en", 0.75), ("de", 0.25)]


def test_what_is_no_language_is_undetermined() -> None:
    """Numbers are not guessed to be some language."""
    assert language_shares([NUMBERS]) == {"und": 1.0}


def test_rare_languages_stand_together() -> None:
    """One text in a hundred is within the error of the guess."""
    shares = language_shares([ENGLISH] * 99 + [GERMAN])
    assert shares == {"en": pytest.approx(0.99), "other": pytest.approx(0.01)}


def test_no_texts_have_no_languages() -> None:
    """Short data gives an empty mix."""
    assert language_shares([]) == {}
