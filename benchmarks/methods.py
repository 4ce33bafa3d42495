"""Each method from file to verdict on the same data: `python benchmarks/methods.py [--json]`.

`vectune tune --method M` with default settings, one process after the other, judged once on the set's own test split.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from domains import DATA, DataSet, run
from page import write_section

METHODS = ("full", "lora", "adapter", "static")
DATA_SET = "tldr_de"


def measure() -> dict[str, dict[str, Any]]:
    """The verdict and the seconds of each method."""
    return {method: run(DataSet(method, (f"{DATA}/{DATA_SET}", "--method", method))) for method in METHODS}


def table(found: dict[str, dict[str, Any]]) -> str:
    """The verdicts as a table for the page."""
    lines = [
        "| method | base | tuned | difference (95 % interval) | general ability | verdict | train, s | all, s |",
        "| --- | --: | --: | --: | --- | --- | --: | --: |",
    ]
    for method, got in found.items():
        low, high = got["interval"]
        general = got["general"]
        lines.append(
            f"| {method} | {got['base']:.3f} | {got['tuned']:.3f} "
            f"| {got['difference']:+.3f} ({low:+.3f} to {high:+.3f}) "
            f"| {general['base']:.3f} to {general['tuned']:.3f} | {got['verdict']} | {got['seconds']['train']:.0f} "
            f"| {got['total_seconds']:,} |"
        )
    first = next(iter(found.values()))
    told = f"{DATA_SET}, {first['queries']} test queries, {first['measure']}. Machine: {first['machine']}."
    return "\n".join([*lines, "", told])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure()
    print(table(found))
    write_section("methods", table(found))
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
