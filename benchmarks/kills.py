"""Runs killed with `kill -9` at random moments and resumed: `python benchmarks/kills.py [--kills N] [--json]`.

The real command trains a small random model with a checkpoint every two steps. It runs through once; then, `--kills`
times, it is killed at a moment drawn between the writing of its settings and its end, resumed, and its losses and dev
scores are compared with those of the run that was never killed, bit for bit. It trains as users do, with a thread a
core and two micro-batches at once.
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

from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.killing import Survivor, kill_and_resume, run_undisturbed

SETTINGS = {
    "train.checkpoint_steps": "2",
    "train.patience": "1000",
    "train.evals_per_epoch": "1",
    "evaluate.general": "false",
}


def survive(kills: int, seed: int) -> list[Survivor]:
    """Kill and resume so many runs, and say how each went."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        base = save_tiny_model(root / "model")
        data = write_jsonl(root / "pairs.jsonl", overlapping_pairs(60))
        flags = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
        whole = run_undisturbed([str(data), "--base", str(base), "--epochs", "60", *flags], root / "whole")
        survivors = []
        for number in range(1, kills + 1):
            survivor = kill_and_resume(whole, root / f"killed-{number}", draw)
            survivors.append(survivor)
            where = ", writing a checkpoint" if survivor.in_checkpoint else ""
            end = "identical" if survivor.identical else "DIFFERENT" if survivor.resumed else survivor.message
            print(f"{number:3}  killed at step {survivor.killed_at_step}{where}: {end}", flush=True)
    return survivors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    survivors = survive(given.kills, given.seed)
    found = {
        "kills": len(survivors),
        "resumed": sum(survivor.resumed for survivor in survivors),
        "identical": sum(survivor.identical for survivor in survivors),
    }
    sentence = f"{found['kills']} kills, {found['resumed']} resumed, {found['identical']} identical"
    print(sentence)
    write_section("kills", f"{sentence}.\n\nMachine: {describe_machine()}.", partial=is_partial(parser, given))
    if given.json:
        print(json.dumps(found))
    if found["identical"] < found["kills"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
