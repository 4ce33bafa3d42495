"""Tests of data/normal.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vectune.data.normal import normal, text_key


def test_case_width_and_white_space_do_not_count() -> None:
    """Texts that look the same to a reader have one normal form."""
    assert normal("  Ｈow\tDO I\n\nreset it?") == normal("how do i reset it?") == "how do i reset it?"
    assert normal("STRASSE") == normal("Straße")
    assert normal("e\u0301") == normal("É")


def test_words_and_marks_count() -> None:
    """Texts that differ in a word or a mark stay apart."""
    assert normal("reset it") != normal("reset it?")
    assert normal("C") != normal("C++")


@given(st.text())
def test_normal_is_reached_at_once(text: str) -> None:
    """Normalising twice changes nothing more, for any text."""
    assert normal(normal(text)) == normal(text)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_short_way_for_ascii_gives_the_long_way(text: str) -> None:
    """The ASCII path equals the general one, which the added letter forces."""
    assert normal(text + " ä") == " ".join([*normal(text).split(), "ä"])


@given(st.text(), st.text())
def test_keys_agree_with_normal_forms(one: str, other: str) -> None:
    """Equal normal forms have equal keys, others different ones, all within 64 bits."""
    assert (text_key(one) == text_key(other)) == (normal(one) == normal(other))
    assert 0 <= text_key(one) < 2**64


def test_key_never_changes() -> None:
    """The key of a text is fixed for ever: splits depend on it."""
    assert text_key("Reset the pump") == text_key(" reset  THE pump ") == 8697998624018917393
