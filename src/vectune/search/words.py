"""Text to words for lexical search, the same for every language: no stemming, no stop words."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

# Scripts written without spaces, where a run of letters is a sentence and not a word: kana, Han, Thai, Lao, Myanmar,
# Khmer. Each character is a token. (Hangul is not here: Korean has spaces.)
_UNSPACED = (
    "\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f\u1050-\u1055\u1780-\u17b3"
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff"
)


def words(text: str) -> list[str]:
    """The words of `text` in order: runs of letters, digits and their marks, NFKC and casefolded.

    In scripts without spaces (Chinese, Japanese, Thai...) every character is a word.
    """
    return _pattern().findall(unicodedata.normalize("NFKC", text).casefold())


@cache
def _pattern() -> re.Pattern[str]:
    # Python's \w leaves out combining marks, which would cut Hindi or Thai words at every vowel sign.
    marks = _ranges("M")
    return re.compile(f"[{_UNSPACED}][{marks}]*|(?:(?![{_UNSPACED}])[\\w{marks}])+")


def _ranges(category: str) -> str:
    """All characters of a Unicode category as the inside of a regular expression's class."""
    points = [point for point in range(min(sys.maxunicode, 0x1FFFF)) if unicodedata.category(chr(point))[0] == category]
    ends = [point for point, after in zip(points, [*points[1:], -1], strict=True) if after != point + 1]
    starts = [point for point, before in zip(points, [-1, *points[:-1]], strict=True) if before != point - 1]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))
