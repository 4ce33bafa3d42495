"""Peak memory of training with a large batch: `python benchmarks/memory.py [--batch N] [--quick] [--json]`.

A process of its own loads the packaged model and makes `--steps` steps on `--batch` pairs whose two texts have
`--tokens` tokens each, with gradient caching as the settings have it by default. Printed is the peak of what the
process held (resident set), model, optimiser and libraries included. `--quick` takes 256 pairs and one step.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time

from page import describe_machine, write_section

BASE = "all-MiniLM-L6-v2"
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
    from vectune.train.loop import Surroundings, Trainer
    from vectune.train.recipe import Recipe
    from vectune.train.rows import training_rows

    keep_large_blocks()
    texts = pairs(batch, tokens)
    queries = {f"q{i}": query for i, (query, _) in enumerate(texts)}
    corpus = {f"d{i}": document for i, (_, document) in enumerate(texts)}
    data = Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(batch)})
    config = TrainConfig(precision=precision, max_tokens=tokens)
    recipe = Recipe("info_nce", epochs=steps, batch_size=batch, learning_rate=5e-5)
    started = time.perf_counter()
    trained = Trainer(
        load_encoder(BASE, flash=precision != "fp32"),
        training_rows(data, config, recipe),
        config,
        recipe,
        Surroundings(),
    ).run()
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
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--quick", action="store_true", help="256 pairs, one step, nothing written")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    batch, steps = (256, 1) if given.quick else (given.batch, given.steps)
    found = measure(batch, given.tokens, steps, given.precision)
    sentence = (
        f"{found['steps']} step(s) of {found['batch']:,} pairs of texts of {found['tokens']} tokens, "
        f"{found['precision']} precision: peak {found['peak_gib']} GiB, {found['seconds']} s"
    )
    print(sentence)
    if not given.quick:
        write_section("memory", f"{sentence}.\n\nMachine: {describe_machine()}.")
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
