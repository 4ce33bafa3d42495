from __future__ import annotations

import html

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report.outline import Outline
from vectune.report.markup import Html, clean, element, escape, fragment, prose


def test_text_is_escaped_and_markup_is_not() -> None:
    """A str is text, an Html is markup, and both may stand in one element."""
    assert element("p", "a < b", element("b", "c")) == "<p>a &lt; b<b>c</b></p>"


def test_attributes_follow_their_names() -> None:
    """Trailing underscores go, inner ones become hyphens, None and False leave out, True has no value."""
    made = element("details", class_="x", aria_label='say "hi"', open=True, hidden=False, id=None, r=3.50)
    assert made == '<details class="x" aria-label="say &quot;hi&quot;" open r="3.5"></details>'


def test_void_elements_have_no_end() -> None:
    """A meta element is never closed."""
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_fragment_takes_sequences_numbers_and_nothing() -> None:
    """Contents are flattened in order; None is nothing; whole numbers are text."""
    assert fragment(["a", (1, None), Html("<br>")]) == "a1<br>"


def test_prose_sets_code() -> None:
    """Words between backticks are code, and still escaped."""
    assert prose("read `<a>` as text") == "read <code>&lt;a&gt;</code> as text"


@given(st.text(st.characters(codec=None)))
def test_no_text_breaks_out(text: str) -> None:
    """Whatever the text, in content and in an attribute, a parser finds one element and the text itself."""
    outline = Outline(element("p", text, title=text))
    assert [tag for tag, _ in outline.elements] == ["p"]
    assert html.unescape(escape(text)) == clean(text)
    element("p", text).encode("utf-8")
