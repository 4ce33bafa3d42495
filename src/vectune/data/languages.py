"""The language mix of texts, told by py3langid's packaged model (naive Bayes over bytes; Lui and Baldwin, 2012)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

SHORTEST = 20
"""Characters under which a text's language can't be told well."""
_SURE = 0.5
_RARE = 0.02


def language_shares(texts: Sequence[str]) -> dict[str, float]:
    """ISO 639-1 code to share of `texts`, 0 to 1, largest first; empty without texts.

    Texts whose language is not clear (the best guess has a probability under a half: code, names, lists of numbers) are
    "und", as in ISO 639-3. Languages under 2 % stand together as "other": single guesses err.
    """
    if not texts:
        return {}
    identifier = _identifier()
    found = Counter(str(identifier.classify(text)[0]) for text in texts)
    shares: dict[str, float] = {}
    other = 0
    for language, count in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        if count >= _RARE * len(texts):
            shares[language] = count / len(texts)
        else:
            other += count
    return shares | ({"other": other / len(texts)} if other else {})


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # unpacks its model: only when asked

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True, min_confidence=_SURE)
