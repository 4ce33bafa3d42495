"""Peak memory of training with a large batch: `python benchmarks/memory.py [--batch N] [--quick] [--json]`.

A process of its own loads the packaged model and makes `--steps` steps on `--batch` pairs whose two texts have
`--tokens` tokens each, with gradient caching as the settings have it by default. It holds what `vectune tune` holds
while it trains: the weights before, the best ones, which are new after each step, and a checkpoint at the end. From the
second step on the optimiser's moments are there beside the activations. Printed is the peak of what the process held
(resident set), model, optimiser and libraries included; the data of a run and its judging are left out. `--quick`
takes at most 256 pairs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import tempfile
import time
from pathlib import Path

from page import describe_machine, is_partial, write_section

BASE = "all-MiniLM-L6-v2"
STEPS = 2
# Words that are one token each for the model, so that a text's length is known.
WORDS = ("time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state")


def pairs(batch: int, tokens: int) -> list[tuple[str, str]]:
    """Random texts of `tokens` tokens, begin and end token included."""
    draw = random.Random(0)

    def text() -> str:
        return " ".join(draw.choices(WORDS, k=tokens - 2))

    return [(text(), text()) for _ in range(batch)]


def measure(batch: int, tokens: int, steps: int, precision: str) -> dict[str, object]:
    """Train and look at the peak."""
    from vectune.config import TrainConfig
    from vectune.encode.allocator import keep_large_blocks
    from vectune.encode.loading import load_encoder
    from vectune.records import Retrieval
    from vectune.train.checkpoints import Checkpoints
    from vectune.train.interpolate import copy_weights
    from vectune.train.loop import Surroundings, Trainer
    from vectune.train.recipe import Recipe
    from vectune.train.rows import training_rows

    keep_large_blocks()
    texts = pairs(batch, tokens)
    queries = {f"q{i}": query for i, (query, _) in enumerate(texts)}
    corpus = {f"d{i}": document for i, (_, document) in enumerate(texts)}
    data = Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(batch)})
    config = TrainConfig(precision=precision, max_tokens=tokens, evals_per_epoch=1)
    recipe = Recipe("info_nce", epochs=steps, batch_size=batch, learning_rate=5e-5)
    encoder, scores = load_encoder(BASE, flash=precision != "fp32"), itertools.count()
    before = copy_weights(encoder.model)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        around = Surroundings(score_dev=lambda: float(next(scores)), checkpoints=Checkpoints(Path(folder)))
        trained = Trainer(encoder, training_rows(data, config, recipe), config, recipe, around).run()
    assert trained.best_step == steps
    assert before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kibibytes on Linux
    return {
        "batch": batch,
        "tokens": tokens,
        "steps": trained.steps,
        "precision": precision,
        "seconds": round(time.perf_counter() - started, 1),
        "peak_gib": round(peak / 2**30, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4096, help="pairs in a step")
    parser.add_argument("--tokens", type=int, default=256, help="tokens of each text")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--quick", action="store_true", help="at most 256 pairs, nothing written")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    batch = min(256, given.batch) if given.quick else given.batch
    found = measure(batch, given.tokens, given.steps, given.precision)
    sentence = (
        f"{found['steps']} step(s) of {found['batch']:,} pairs of texts of {found['tokens']} tokens, "
        f"{found['precision']} precision: peak {found['peak_gib']} GiB, {found['seconds']} s"
    )
    print(sentence)
    if not given.quick:
        content = f"{sentence}.\n\nMachine: {describe_machine()}."
        write_section("memory", content, partial=is_partial(parser, given))
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
