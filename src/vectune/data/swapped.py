"""Whether the two sides of pairs stand the wrong way round."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

MIN_ROWS = 3
LENGTH_RATIO = 4
LONG_WORDS = 30
MANY_QUESTIONS = 0.6
FEW_QUESTIONS = 0.1
_QUESTION_MARKS = ("?", "？", "؟", '?"', "?)", "?'")
_UNSPACED = re.compile("[\u0e01-\u0e30\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
"""Thai, kana and Han, written without spaces: each character counts as a word."""
_ANSWER_NAMES = ("answer", "response", "completion", "output")


def _question_share(texts: Sequence[str]) -> float:
    return sum(text.rstrip().endswith(_QUESTION_MARKS) for text in texts) / len(texts)


def _word_count(text: str) -> int:
    return len(_UNSPACED.sub(" ", text).split()) + len(_UNSPACED.findall(text))


def why_swapped(anchors: Sequence[str], positives: Sequence[str], positive_column: str) -> str:
    """What shows that anchors and positives are swapped, as half a sentence; "" when nothing does.

    Either the anchors are far longer than the positives (median 30 words or more, and four times as many), or the
    positives ask and the anchors don't. Rewordings of questions ask on both sides or have the shorter anchor, so the
    second sign counts only under a column named for answers, or beside longer anchors.
    """
    if min(len(anchors), len(positives)) < MIN_ROWS:
        return ""
    anchor_words = median(map(_word_count, anchors))
    positive_words = median(map(_word_count, positives))
    if anchor_words >= LONG_WORDS and anchor_words >= LENGTH_RATIO * positive_words:
        return f"its texts have {anchor_words:g} words in the middle, against {positive_words:g}"
    named = positive_column.lower() in _ANSWER_NAMES
    asks = _question_share(positives)
    one_sided = asks >= MANY_QUESTIONS and _question_share(anchors) <= FEW_QUESTIONS
    if one_sided and (named or anchor_words > positive_words):
        return f"{asks:.0%} of the other side's texts are questions and almost none of its own"
    return ""
