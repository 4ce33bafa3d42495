"""Runs killed with `kill -9` at random moments and resumed: `python benchmarks/kills.py [--methods full] [--kills N]`.

The real command trains a small random model by each method, with a checkpoint every two steps. It runs through once;
then it is killed thirty times by `full` and ten times by each other method, or `--kills` times by each, at a moment
drawn between the writing of its settings and its end, resumed, and its losses and dev scores are compared with those of
the run that was never killed, bit for bit. It trains as users do, with a thread a core and two micro-batches at once.
`--json` prints one JSON object last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

from page import ROOT, describe_machine, is_partial, write_section

sys.path.insert(0, str(ROOT))
os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2"}  # whatever the machine has

from kill_table import as_json, as_markdown
from tests.fakes.tiny_model import save_tiny_model
from tests.functional.killing import Survivor, arguments_of, kill_and_resume, run_undisturbed

KILLS = {"full": 30, "lora": 10, "adapter": 10, "static": 10}
CHECKPOINT_STEPS = 2


def survive(method: str, kills: int, seed: int) -> list[Survivor]:
    """Kill and resume so many runs by `method`, and say how each went."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        arguments = arguments_of(method, save_tiny_model(root / "model"), root, CHECKPOINT_STEPS)
        whole = run_undisturbed(arguments, root / "whole")
        survivors = []
        for number in range(1, kills + 1):
            survivor = kill_and_resume(whole, root / f"killed-{number}", draw)
            survivors.append(survivor)
            print(f"{method} {number:3}  {told(survivor)}", flush=True)
    return survivors


def told(survivor: Survivor) -> str:
    """One killed run in a line."""
    where = ", writing a checkpoint" if survivor.in_checkpoint else ""
    end = "identical" if survivor.identical else "DIFFERENT" if survivor.resumed else survivor.message
    return f"killed at step {survivor.killed_at_step}{where}, checkpoint of step {survivor.checkpoint_step}: {end}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=list(KILLS), choices=list(KILLS), metavar="METHOD")
    parser.add_argument("--kills", type=int, help="kills of each method; by default 30 of full and 10 of the others")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    kills = {method: KILLS[method] if given.kills is None else given.kills for method in given.methods}
    found = {method: survive(method, number, given.seed) for method, number in kills.items()}
    print(as_markdown(found))
    partial = is_partial(parser, given) or any(number < KILLS[method] for method, number in kills.items())
    write_section("kills", f"{as_markdown(found)}\n\nMachine: {describe_machine()}.", partial=partial)
    sums = as_json(found)
    if given.json:
        print(json.dumps(sums))
    if sums["identical"] < sums["kills"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
