"""vectune: fit a text-embedding model to your domain, and prove whether it is better.

import vectune
run = vectune.tune("pairs.jsonl")
print(run.verdict["sentence"], run.model)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vectune.api import check, judge, load, tune

__all__ = ["check", "judge", "load", "tune"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the library only when something of it is used, so that `import vectune` stays light."""
    if name in __all__:
        from vectune import api

        return getattr(api, name)
    raise AttributeError(f"module 'vectune' has no attribute {name!r}")
