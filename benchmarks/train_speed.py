"""Training speed against SentenceTransformerTrainer: `python benchmarks/train_speed.py [--rounds N] [--json]`.

The same 256 rows, model, batch (64), token limit (256) and loss on every side: the standard library's documentation, 10
words against about 143, and 10 against 10. The loss goes one way, from queries to documents, as the trainer's does.
vectune tokenises all texts before the first step, which is not timed; the trainer does so in each. Sides take turns;
each turn is a fresh process in which whole epochs are trained, of which the first step warms up and the others are
timed. Medians over the rounds; ratios are of those medians. Beside them, what the machine's bf16 matrix products could
do: their measured peak divided by the multiplications of a pair.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from page import describe_machine, is_partial, write_section

BASE = "all-MiniLM-L6-v2"
BATCH, MAX_TOKENS = 64, 256
EPOCH = 4  # steps
QUERY_WORDS = 10
LONG_WORDS = (95, 200)
# The first steps of vectune still ask the kernel for memory that it keeps; each of the trainer's costs about the same.
STEPS = {"trainer_fp32": 3, "trainer_bf16": 3, "vectune": 15, "vectune_fp32": 3}
SHORT_STEPS = {"trainer_fp32": 7, "trainer_bf16": 7, "vectune": 19, "vectune_fp32": 7}


def texts(short: bool, rows: int) -> list[tuple[str, str]]:
    """`rows` pairs of 10 words and about 143 (or 10), from the standard library's documentation; words, not meaning,
    are what speed sees, so short ends are filled up from the text's own words. No text comes twice, as batches of
    vectune wait for what they have already, unless more rows are wanted than there are."""
    from vectune.data.stdlib_docs import stdlib_pairs

    low, high = LONG_WORDS
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    for pair in stdlib_pairs():
        words = pair.positives[0].split()
        query = " ".join((pair.anchor.split() + words)[:QUERY_WORDS])
        document = " ".join(words[-QUERY_WORDS:] if short else words)
        if low <= len(words) <= high and query not in seen and document not in seen:
            found.append((query, document))
            seen |= {query, document}
    if not found:
        raise SystemExit("no documents of that length in this Python's standard library")
    return (found * (rows // len(found) + 1))[:rows]


def time_trainer(pairs: list[tuple[str, str]], steps: int, bf16: bool) -> list[float]:
    """Seconds of each step after the first."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    from vectune.encode.resolve import resolve_model

    model = SentenceTransformer(resolve_model(BASE).location, device=_device())
    model.max_seq_length = MAX_TOKENS
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            _synchronise()
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            folder, max_steps=steps + 1, per_device_train_batch_size=BATCH, bf16=bf16, use_cpu=_device() == "cpu",
            learning_rate=5e-5, report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, seed=0,
        )  # fmt: skip
        data = Dataset.from_dict({"anchor": [a for a, _ in pairs], "positive": [p for _, p in pairs]})
        loss = MultipleNegativesRankingLoss(model)
        SentenceTransformerTrainer(model, arguments, data, loss=loss, callbacks=[Clock()]).train()
    return [after - before for before, after in itertools.pairwise(ends)]


def time_vectune(pairs: list[tuple[str, str]], steps: int, precision: str) -> list[float]:
    """Seconds of each step after the first."""
    from vectune.config import TrainConfig
    from vectune.encode import allocator
    from vectune.encode.loading import load_encoder
    from vectune.records import Retrieval
    from vectune.train.loop import Surroundings, Trainer
    from vectune.train.recipe import Recipe
    from vectune.train.rows import training_rows

    allocator.keep_large_blocks()
    config = TrainConfig(precision=precision, max_tokens=MAX_TOKENS, symmetric=False)
    recipe = Recipe("info_nce", epochs=(steps + 1) * BATCH / len(pairs), batch_size=BATCH, learning_rate=5e-5)
    ends: list[float] = []

    class Clock:
        def write(self, event: str, **_: object) -> None:
            if event == "train":
                _synchronise()
                ends.append(time.perf_counter())

    queries = {f"q{i}": query for i, (query, _) in enumerate(pairs)}
    corpus = {f"d{i}": document for i, (_, document) in enumerate(pairs)}
    data = Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(len(pairs))}, {})
    encoder = load_encoder(BASE, device=_device(), flash=precision != "fp32")  # it has no kernel for fp32
    rows = training_rows(data, config, recipe)
    Trainer(encoder, rows, config, recipe, Surroundings(sink=Clock())).run()
    return [after - before for before, after in itertools.pairwise(ends)]


def turn(side: str, short: bool) -> list[float]:
    """Pairs per second of each timed step of one side, in this process."""
    steps = (SHORT_STEPS if short else STEPS)[side]
    pairs = texts(short, BATCH * EPOCH)
    if side.startswith("trainer"):
        seconds = time_trainer(pairs, steps, side.endswith("bf16"))
    else:
        seconds = time_vectune(pairs, steps, "fp32" if side.endswith("fp32") else "auto")
    return [BATCH / second for second in seconds]


def matmul_peak() -> float:
    """GFLOP/s of a bf16 matrix product [2048, 1536] x [1536, 1536], the best of 20."""
    import torch

    left = torch.randn(2048, 1536, device=_device()).bfloat16()
    right = torch.randn(1536, 1536, device=_device()).bfloat16()
    best = float("inf")
    for _ in range(20):
        begin = time.perf_counter()
        for _ in range(5):
            left @ right
        _synchronise()
        best = min(best, (time.perf_counter() - begin) / 5)
    return 2 * 2048 * 1536 * 1536 / best / 1e9


def gflop_per_pair() -> float:
    """Multiplications and additions of forward and backward for a mean pair of the long rows, without padding."""
    from vectune.encode.loading import load_encoder
    from vectune.records import Role

    encoder = load_encoder(BASE, device="cpu")
    config = encoder.model[0].auto_model.config
    pairs = texts(False, 512)
    sides = [encoder.tokenize([pair[side] for pair in pairs], Role.DOCUMENT, MAX_TOKENS).lengths for side in (0, 1)]
    return 3 * sum(forward_gflop(config, lengths) for lengths in sides) / len(pairs)


def forward_gflop(config: Any, lengths: Iterable[int]) -> float:
    """Multiplications and additions of a forward pass over texts of `lengths` tokens, in 1e9, without padding."""
    weights = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    products = sum(int(length) * (weights + 2 * config.hidden_size * int(length)) for length in lengths)
    return 2 * config.num_hidden_layers * products / 1e9


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def in_process(*arguments: str, script: str = __file__) -> Any:
    """What `script` prints last, as JSON, when it is called with `arguments` in a fresh process."""
    command = [sys.executable, script, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measure(rounds: int) -> dict[str, Any]:
    """Every side, in turns."""
    speeds: dict[str, list[float]] = {}
    peaks = []
    for number in range(rounds):
        peaks.append(in_process("--peak"))
        for length in ("long", "short"):
            for side in STEPS:
                found = in_process("--turn", side, length)
                speeds.setdefault(f"{length} {side}", []).append(statistics.median(found))
                print(
                    f"round {number + 1}: {length} {side}: {speeds[f'{length} {side}'][-1]:.2f} pairs/s",
                    file=sys.stderr,
                )
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    possible = statistics.median(peaks) / gflop_per_pair()
    ours, short = middle["long vectune"], middle["short vectune"]
    return {
        "ratio_default": round(ours / middle["long trainer_fp32"], 2),
        "ratio_bf16": round(ours / middle["long trainer_bf16"], 2),
        "ratio_short": round(short / middle["short trainer_fp32"], 2),
        "ratio_fp32": round(middle["long vectune_fp32"] / middle["long trainer_fp32"], 2),
        "peak_share": round(ours / possible, 3),
        "peak_gflops": round(statistics.median(peaks)),
        "pairs_per_second_at_peak": round(possible, 1),
        "pairs_per_second": {name: round(value, 2) for name, value in middle.items()},
        "rounds": rounds,
        "machine": describe_machine(),
    }


NAMES = {
    "trainer_fp32": "SentenceTransformerTrainer, its default (fp32)",
    "trainer_bf16": "SentenceTransformerTrainer, bf16=True",
    "vectune": "vectune",
    "vectune_fp32": "vectune, fp32",
}


def table(found: dict[str, Any]) -> str:
    """The figures as a table for the page."""
    speeds = found["pairs_per_second"]
    lines = ["| pairs/s | 10 + 143 words | 10 + 10 words |", "| --- | --: | --: |"]
    lines += [f"| {name} | {speeds[f'long {side}']} | {speeds[f'short {side}']} |" for side, name in NAMES.items()]
    return "\n".join([
        *lines, "",
        f"Against the trainer's default: **{found['ratio_default']}x** (long), {found['ratio_short']}x (short), "
        f"against its bf16: **{found['ratio_bf16']}x**; fp32 against fp32: {found['ratio_fp32']}x. "
        f"{found['peak_share']:.0%} of the {found['pairs_per_second_at_peak']} pairs/s that the measured bf16 matmul "
        f"peak ({found['peak_gflops']} GFLOP/s) would allow. Medians of {found['rounds']} alternating rounds.", "",
        f"Machine: {found['machine']}.",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object last instead of the table")
    parser.add_argument("--turn", nargs=2, metavar=("SIDE", "LENGTH"), help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.turn:
        print(json.dumps(turn(asked.turn[0], asked.turn[1] == "short")))
    elif asked.peak:
        print(json.dumps(matmul_peak()))
    else:
        found = measure(asked.rounds)
        write_section("train_speed", table(found), partial=is_partial(parser, asked), peak=matmul_peak)
        print(json.dumps(found) if asked.json else table(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
