from __future__ import annotations

import pytest

from vectune.search.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe STRASSE straße", ["grösse", "strasse", "strasse"]),
        ("don't stop-word 3.5 snake_case", ["don", "t", "stop", "word", "3", "5", "snake_case"]),
        ("ﬁle Ａｂｃ", ["file", "abc"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("日本語 OK", ["日", "本", "語", "ok"]),
        ("中文abc中", ["中", "文", "abc", "中"]),
        ("한국어 말", ["한국어", "말"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("", []),
        (" ... !? ", []),
    ],
)
def test_words_of_many_languages(text: str, expected: list[str]) -> None:
    """Words are casefolded, marks stay with their letters, and scripts without spaces give characters."""
    assert words(text) == expected


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    """Two Unicode spellings of one word meet."""
    assert words("cafe\u0301") == words("caf\u00e9")
