"""Jobs of a live service under `kill -9`: `python benchmarks/job_kills.py [--kills N] [--quick] [--json]`.

`vectune serve` runs one job after another on a small random model, by each method in turn. Its worker, the server and
both are killed in turn, half of the times at drawn moments and half aimed at each stage of a job's life in turn, and a
server is started where there is none left, until `--kills` kills were made. Then every job must have succeeded, its
events be numbered without a gap or a double, every file have the bytes it had, every model embed as before, and no
worker be left over. `--quick` makes six kills and writes no section.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from page import ROOT, describe_machine, write_section

sys.path.insert(0, str(ROOT))
os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

from tests.fakes.tiny_model import save_tiny_model
from tests.functional.job_killing import METHODS, VICTIMS, Ordeal, Survival, survive
from tests.functional.job_stages import STAGES

KILLS, QUICK_KILLS = 50, 6


def table(found: Survival) -> str:
    """How often who was killed, by where the job at work stood."""
    counted = Counter((kill.stage, kill.victim) for kill in found.kills)
    hit = {kill.stage for kill in found.kills}
    stages = [*(stage for stage in STAGES if stage in hit), *sorted(hit.difference(STAGES))]
    rows = [f"| {stage} | {' | '.join(str(counted[stage, victim]) for victim in VICTIMS)} |" for stage in stages]
    return "\n".join([f"| the job was | {' | '.join(VICTIMS)} |", "| --- | --: | --: | --: |", *rows])


def sentence(found: Survival) -> str:
    """What came of it all."""
    end = "no fault was found" if not found.faults else f"{len(found.faults)} faults: {'; '.join(found.faults)}"
    return f"{len(found.kills)} kills, {len(found.jobs)} jobs, {found.num_events} events: {end}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_KILLS} kills")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    kills = QUICK_KILLS if given.quick else given.kills
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["VECTUNE_CACHE"] = str(folder / "cache")
        ordeal = Ordeal(folder, save_tiny_model(folder / "model"), list(METHODS.values()))
        found = survive(kills, random.Random(given.seed), ordeal)
    print(table(found))
    print(sentence(found))
    if not given.quick and kills >= KILLS:
        write_section("job_kills", f"{table(found)}\n\n{sentence(found)}\n\nMachine: {describe_machine()}.")
    if given.json:
        kept = {"kills": len(found.kills), "jobs": len(found.jobs), "events": found.num_events, "faults": found.faults}
        print(json.dumps(kept))
    if found.faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
