"""Seconds and memory of `check` on generated pairs: `python benchmarks/check_rows.py [--rows N] [--json]`.

Writes N rows (a question of about 10 words, an answer of about 40) as JSONL to a temporary folder, with 2 % exact
duplicates, 2 % near-duplicate answers and 0.1 % broken lines planted, and checks them in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from page import describe_machine, write_section

WORDS = 30_000
DUPLICATE, NEAR, BROKEN = 0.02, 0.02, 0.001


def generate(path: Path, rows: int) -> dict[str, int]:
    """Write the rows; gives back how many were planted of each."""
    drawn = random.Random(7)
    vocabulary = ["".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=drawn.randint(2, 11))) for _ in range(WORDS)]
    planted = {"duplicate": 0, "near": 0, "broken": 0}
    earlier: list[tuple[str, list[str]]] = []
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            chance = drawn.random()
            question = " ".join(drawn.choices(vocabulary, k=drawn.randint(6, 14)))
            answer = drawn.choices(vocabulary, k=drawn.randint(30, 50))
            if chance < BROKEN:
                file.write('{"query": "cut off\n')
                planted["broken"] += 1
                continue
            if earlier and chance < BROKEN + DUPLICATE:
                question, answer = drawn.choice(earlier)
                planted["duplicate"] += 1
            elif earlier and chance < BROKEN + DUPLICATE + NEAR:
                answer = list(drawn.choice(earlier)[1])
                answer[drawn.randrange(len(answer))] = "planted"
                planted["near"] += 1
            elif len(earlier) < 100_000:
                earlier.append((question, answer))
            file.write(json.dumps({"query": question, "answer": " ".join(answer)}) + "\n")
    return planted


def measure(path: Path, out: Path) -> dict[str, object]:
    """Check the file in this process; seconds from the first read to the last write, and the peak of memory."""
    from vectune.config import DataConfig
    from vectune.data.check import check
    from vectune.data.read import open_source

    begin = time.perf_counter()
    config = DataConfig()
    report = check(open_source(str(path), config), config, out=out)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "seconds": round(seconds, 1),
        "peak_gib": round(peak, 2),
        "rows_read": report.rows_read,
        "rows_kept": report.rows_kept,
        "dropped": dict(report.dropped),
        "findings": {finding.code: finding.count for finding in report.findings},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--measure", nargs=2, metavar=("FILE", "OUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(Path(asked.measure[0]), Path(asked.measure[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="vectune-benchmark-") as folder:
        path = Path(folder) / "rows.jsonl"
        planted = generate(path, asked.rows)
        size = path.stat().st_size / 2**20
        command = [sys.executable, __file__, "--measure", str(path), str(Path(folder) / "out")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = {"rows": asked.rows, "file_mib": round(size), "planted": planted, **json.loads(done.stdout)}
    if asked.json:
        print(json.dumps(found))
        return
    rate = round(asked.rows / found["seconds"])
    lines = [
        "| rows | file MiB | seconds | rows/s | peak GiB |",
        "| --: | --: | --: | --: | --: |",
        f"| {asked.rows:,} | {found['file_mib']} | {found['seconds']} | {rate:,} | {found['peak_gib']} |",
    ]
    print("\n".join(lines))
    write_section("check_rows", "\n".join([*lines, "", f"Machine: {describe_machine()}."]))
    print(f"\nplanted {planted}; dropped {found['dropped']}; findings {found['findings']}")


if __name__ == "__main__":
    main()
