"""Tuned quality against SentenceTransformerTrainer: `python benchmarks/train_quality.py [SET...] [--json]`.

Both sides train the packaged model on the same rows of the same split with the same epochs, learning rate, batch,
warm-up, decay and seed, each with its own loss in its default form (the trainer's MultipleNegativesRankingLoss, our
InfoNCE), without dev: the last weights are judged, once, on test. Means over three seeds. Speed is not measured here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from page import ROOT, describe_machine, is_partial, write_section

BASE = "all-MiniLM-L6-v2"
SETS = ("tldr_de", "covidqa")
SEEDS = (0, 1, 2)
BATCH, RATE, WARMUP, DECAY = 64, 5e-5, 0.1, 0.01


def train_theirs(splits: Any, epochs: float, max_tokens: int, seed: int) -> Any:
    """The model that SentenceTransformerTrainer (bf16 where the machine has it) makes of the train split."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers

    from vectune.encode.precision import resolve_precision
    from vectune.encode.resolve import resolve_model

    model = SentenceTransformer(resolve_model(BASE).location)
    limit, model.max_seq_length = model.max_seq_length, max_tokens
    edges = [
        (query, document)
        for query, grades in splits.train.qrels.items()
        for document, grade in grades.items()
        if grade > 0
    ]
    data = Dataset.from_dict({
        "anchor": [splits.train.queries[query] for query, _ in edges],
        "positive": [splits.train.corpus[document] for _, document in edges],
    })  # fmt: skip
    on_cpu = model.device.type == "cpu"
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            folder, num_train_epochs=epochs, per_device_train_batch_size=BATCH, learning_rate=RATE, use_cpu=on_cpu,
            lr_scheduler_type="cosine", warmup_steps=WARMUP, weight_decay=DECAY, seed=seed, save_strategy="no",
            bf16=resolve_precision("auto", model.device) == "bf16", report_to=[], logging_strategy="no",
            disable_tqdm=True, batch_sampler=BatchSamplers.NO_DUPLICATES,
        )  # fmt: skip
        SentenceTransformerTrainer(model, arguments, data, loss=MultipleNegativesRankingLoss(model)).train()
    model.max_seq_length = limit
    return model


def train_ours(splits: Any, epochs: float, max_tokens: int, seed: int) -> Any:
    """The model that vectune's loop makes of the train split, with nothing chosen on dev."""
    from vectune.config import TrainConfig
    from vectune.encode.allocator import keep_large_blocks
    from vectune.encode.loading import load_encoder
    from vectune.train.loop import Surroundings, Trainer
    from vectune.train.recipe import Recipe
    from vectune.train.rows import training_rows

    keep_large_blocks()
    config = TrainConfig(max_tokens=max_tokens, seed=seed, warmup=WARMUP, weight_decay=DECAY)
    recipe = Recipe("info_nce", epochs=epochs, batch_size=BATCH, learning_rate=RATE)
    encoder = load_encoder(BASE)
    Trainer(encoder, training_rows(splits.train, config, recipe), config, recipe, Surroundings()).run()
    return encoder.model


def score(name: str, side: str, seed: int, epochs: float, max_tokens: int) -> float:
    """nDCG@10 on the set's test split of the model that `side` trains; `base` trains nothing."""
    from vectune.config import EvaluateConfig, TuneConfig
    from vectune.encode.loading import load_encoder
    from vectune.encode.sentence_encoder import SentenceEncoder
    from vectune.evaluate.judge import judge
    from vectune.monitor.progress import Silent
    from vectune.workflows.prepare import TokenLimit, prepare

    config = TuneConfig(path=str(ROOT.parent / "shared" / "data" / name))
    train = {"theirs": train_theirs, "ours": train_ours}
    encoder = load_encoder(BASE)
    splits = prepare(config, TokenLimit(encoder.count_tokens, encoder.max_tokens), Silent()).splits
    if side != "base":
        encoder = SentenceEncoder(train[side](splits, epochs, max_tokens, seed), side)
    return judge(encoder, splits.test, EvaluateConfig())[encoder.dim].totals["ndcg@10"]


def in_process(*arguments: str) -> float:
    """The score that a fresh process prints last."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.splitlines()[-1])


def measure(sets: list[str], epochs: float, max_tokens: int) -> dict[str, Any]:
    """Scores of every set, side and seed; sides take turns."""
    scores: dict[str, dict[str, list[float]]] = {}
    settings = ("--epochs", str(epochs), "--max-tokens", str(max_tokens))
    for name in sets:
        scores[name] = {"base": [in_process("--score", name, "base", "0", *settings)], "theirs": [], "ours": []}
        for seed in SEEDS:
            for side in ("theirs", "ours"):
                scores[name][side].append(in_process("--score", name, side, str(seed), *settings))
                print(f"{name} seed {seed} {side}: {scores[name][side][-1]:.4f}", file=sys.stderr)
    means = {name: {side: statistics.mean(values) for side, values in sides.items()} for name, sides in scores.items()}
    differences = {name: sides["ours"] - sides["theirs"] for name, sides in means.items()}
    return {
        "means": {name: {side: round(value, 4) for side, value in sides.items()} for name, sides in means.items()},
        "differences": {name: round(value, 4) for name, value in differences.items()},
        "mean_difference": round(statistics.mean(differences.values()), 4),
        "scores": scores,
        "epochs": epochs,
        "max_tokens": max_tokens,
        "machine": describe_machine(),
    }


def table(found: dict[str, Any]) -> str:
    """The figures as a table for the page."""
    lines = [
        "| nDCG@10, mean of 3 seeds | base | SentenceTransformerTrainer | vectune | difference |",
        "| --- | --: | --: | --: | --: |",
    ]
    for name, sides in found["means"].items():
        lines.append(
            f"| {name} | {sides['base']:.4f} | {sides['theirs']:.4f} | {sides['ours']:.4f} "
            f"| {found['differences'][name]:+.4f} |"
        )
    return "\n".join([
        *lines, "",
        f"{found['epochs']:g} epochs, batch {BATCH}, peak rate {RATE:g}, texts cut at {found['max_tokens']} tokens in "
        f"training. Mean difference {found['mean_difference']:+.4f}.", "", f"Machine: {found['machine']}.",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--json", action="store_true", help="print one JSON object last instead of the table")
    parser.add_argument("--score", nargs=3, metavar=("SET", "SIDE", "SEED"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.score:
        name, side, seed = asked.score
        print(score(name, side, int(seed), asked.epochs, asked.max_tokens))
        return
    found = measure(asked.sets, asked.epochs, asked.max_tokens)
    write_section("train_quality", table(found), partial=is_partial(parser, asked))
    print(json.dumps(found) if asked.json else table(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
