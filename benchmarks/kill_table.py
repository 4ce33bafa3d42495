"""What came of killed runs, by method: counts, as a table for the page and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.functional.killing import Survivor

Survivors = Mapping[str, Sequence[Survivor]]
"""How each killed run of each method went."""


def counted(survivors: Sequence[Survivor]) -> dict[str, int]:
    """How many were killed, and of these how many in training, with a checkpoint to go on from, while one was being
    written, how many were resumed, and how many ended the same."""
    return {
        "kills": len(survivors),
        "in_training": sum(survivor.killed_at_step > 0 for survivor in survivors),
        "from_checkpoint": sum(survivor.checkpoint_step > 0 for survivor in survivors),
        "writing_checkpoint": sum(survivor.in_checkpoint for survivor in survivors),
        "resumed": sum(survivor.resumed for survivor in survivors),
        "identical": sum(survivor.identical for survivor in survivors),
    }


def as_json(found: Survivors) -> dict[str, Any]:
    """Sums over all methods, and under `methods` what each of them had."""
    methods = {method: counted(survivors) for method, survivors in found.items()}
    sums = {key: sum(one[key] for one in methods.values()) for key in ("kills", "resumed", "identical")}
    return {**sums, "methods": methods}


def as_markdown(found: Survivors) -> str:
    """One row for each method, and a sentence on all."""
    told = as_json(found)
    lines = [
        "| method | kills | after the first step | after a checkpoint | writing a checkpoint | resumed | identical |",
        "| --- | --: | --: | --: | --: | --: | --: |",
        *(f"| {name} | {' | '.join(map(str, counts.values()))} |" for name, counts in told["methods"].items()),
    ]
    sentence = f"{told['kills']} kills, {told['resumed']} resumed, {told['identical']} identical."
    return "\n".join([*lines, "", sentence])
