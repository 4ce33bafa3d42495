"""The demo's own time: `python benchmarks/demo_time.py`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from page import README, describe_machine, write_section


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vectune", "demo", "--out", "run"]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode not in (0, 3, 4):
            raise SystemExit(done.stderr)
        stages = json.loads((Path(folder) / "run" / "verdict.json").read_text())["seconds"]
    print(done.stdout)
    write_section("demo", f"```\n{done.stdout.rstrip()}\n```\n\nMachine: {describe_machine()}.", README)
    rows = "\n".join(f"| {name} | {value} |" for name, value in [*stages.items(), ("all", round(seconds, 1))])
    write_section("demo", f"| stage | s |\n| --- | --: |\n{rows}\n\nMachine: {describe_machine()}.")
    print(f"{seconds:.0f} s")
    if given.json:
        print(json.dumps({"seconds": round(seconds, 1), "stages": stages}))


if __name__ == "__main__":
    main()
