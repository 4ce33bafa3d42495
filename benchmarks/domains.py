"""Every real data set from file to verdict: `python benchmarks/domains.py [NAME...]`.

Runs `vectune tune` on each set in a process of its own, one after the other, keeps each verdict in
benchmarks/results/domains.json, and writes the table of docs/benchmarks.md. Without names, all sets.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from page import README, describe_machine, write_section

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "benchmarks" / "results" / "domains.json"


@dataclass(frozen=True)
class DataSet:
    """One set: what `tune` is given, relative to the folder of real data or to the project's root."""

    name: str
    arguments: tuple[str, ...]


def _split_files(name: str) -> DataSet:
    dev = ("--dev", f"{DATA}/{name}/dev.jsonl") if (DATA / name / "dev.jsonl").exists() else ()
    return DataSet(name, (f"{DATA}/{name}/train.jsonl", *dev, "--test", f"{DATA}/{name}/test.jsonl"))


SETS = (
    DataSet("tldr_de", (f"{DATA}/tldr_de",)),
    DataSet("scifact", (f"{DATA}/scifact",)),
    DataSet("covidqa", (f"{DATA}/covidqa",)),
    DataSet("medquad, half an epoch", (f"{DATA}/medquad", "--epochs", "0.5")),
    DataSet("covid_faq_multi", (f"{DATA}/covid_faq_multi",)),
    _split_files("banking77"),
    _split_files("stsb_en"),
    _split_files("snli_triplets"),
    DataSet("helpdesk", ("--config", "examples/helpdesk/tune.toml")),
)


def run(data: DataSet) -> dict[str, Any]:
    """Tune on one set; the verdict with the whole process's seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vectune", "tune", *data.arguments, "--out", f"{folder}/run", "--json"]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
    if done.returncode not in (0, 3, 4):
        raise SystemExit(f"{data.name} failed: {done.stderr}{done.stdout}")
    verdict: dict[str, Any] = json.loads(done.stdout)
    keep = (
        "verdict", "measure", "base", "tuned", "bm25", "difference", "interval", "queries", "general", "recipe", "rows",
        "interpolation", "steps", "best_step", "seconds",
    )  # fmt: skip
    return {key: verdict[key] for key in keep} | {"total_seconds": round(seconds), "machine": describe_machine()}


COLUMNS = (
    "data",
    "test",
    "measure",
    "base",
    "tuned",
    "BM25",
    "difference (95 % interval)",
    "general ability",
    "verdict",
    "s",
)
README_COLUMNS = ("data", "measure", "base", "tuned", "BM25", "difference (95 % interval)", "verdict")
WORDS = ("data", "measure", "general ability", "verdict")


def table(results: dict[str, dict[str, Any]], columns: tuple[str, ...]) -> str:
    """The results as Markdown."""
    rules = ["---" if column in WORDS else "--:" for column in columns]
    rows = [[cells(name, got)[column] for column in columns] for name, got in results.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(columns), rules, *rows])


def cells(name: str, got: dict[str, Any]) -> dict[str, str]:
    """One result's cell in each column."""
    low, high = got["interval"]
    general = got["general"] or {}
    return {
        "data": name,
        "test": f"{got['queries']:,}",
        "measure": got["measure"],
        "base": f"{got['base']:.3f}",
        "tuned": f"{got['tuned']:.3f}",
        "BM25": "" if got["bm25"] is None else f"{got['bm25']:.3f}",
        "difference (95 % interval)": f"{got['difference']:+.3f} ({low:+.3f} to {high:+.3f})",
        "general ability": f"{general['base']:.3f} to {general['tuned']:.3f}" if general else "",
        "verdict": got["verdict"],
        "s": f"{got['total_seconds']:,}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="data sets to run; all without one")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table from the kept results")
    given = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    wanted = [] if given.table else [data for data in SETS if not given.names or data.name in given.names]
    for data in wanted:
        results[data.name] = run(data)
        print(f"{data.name}: {results[data.name]['verdict']} in {results[data.name]['total_seconds']} s", flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    ordered = {data.name: results[data.name] for data in SETS if data.name in results}
    machines = sorted({got["machine"] for got in ordered.values()})
    machine = f"Machine: {'; '.join(machines)}."
    write_section("domains", f"{table(ordered, COLUMNS)}\n\n{machine}")
    write_section("domains", f"{table(ordered, README_COLUMNS)}\n\n{machine}", README)
    print(table(ordered, COLUMNS))
    if given.json:
        print(json.dumps(ordered))


if __name__ == "__main__":
    main()
