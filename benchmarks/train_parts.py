"""What each part of the training engine brings: `python benchmarks/train_parts.py [--rounds N] [--json]`.

vectune's default against itself with one part taken out or changed, on the rows of train_speed.py. Sides take turns, a
fresh process each; the first step of each warms up. Medians over the rounds, and ratios to the default of the same run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from page import describe_machine, is_partial, write_section
from train_speed import BATCH, EPOCH, in_process, matmul_peak, texts, time_vectune

STEPS = {"long": 7, "short": 15}  # and one before them: whole epochs


def _own_attention() -> None:
    """torch's fused attention instead of whole matrices."""
    import vectune.train.activations as activations

    activations.matrix_attention = lambda _: nullcontext()


def _fp32_stream() -> None:
    """Sums between layers in fp32, as autocast alone has them."""
    import vectune.train.activations as activations

    activations.bf16_activations = lambda _: nullcontext()


def _weights_packed_each_time() -> None:
    """Linear layers as autocast has them: weights packed in each product, query, key and value apart."""
    import vectune.train.activations as activations

    activations.packed_linears = lambda _: nullcontext()


def _dense_tables() -> None:
    """A dense gradient of the word embeddings, as torch has it by default."""
    import vectune.train.loop as loop

    loop.make_tables_sparse = lambda _: None


def _rows_left_to_autograd() -> None:
    """Sparse gradients added up by autograd, one micro-batch after another."""
    from vectune.train.row_gradients import RowGradients

    RowGradients.collected = lambda _: nullcontext()


def _small_blocks() -> None:
    """glibc as it comes: large blocks go back to the kernel."""
    import vectune.encode.allocator as allocator

    allocator.keep_large_blocks = lambda: False


def _setting(name: str, value: int) -> Callable[[], None]:
    def change() -> None:
        from vectune.config import TrainConfig

        TrainConfig.model_fields[name].default = value
        TrainConfig.model_rebuild(force=True)

    return change


def _one_micro_batch() -> None:
    """The whole batch padded to its longest text, in the order of the rows."""
    import numpy as np

    import vectune.train.room as room

    room.micro_batches = lambda lengths, *_: [np.arange(len(lengths))]


def _full_micro_batches() -> None:
    """As many texts in a micro-batch as fit, whatever is padded."""
    import vectune.train.room as room
    from vectune.encode.tokens import micro_batches

    room.micro_batches = lambda lengths, budget, groups, *_: micro_batches(lengths, budget, groups)


def _nothing_for_few() -> None:
    """Long texts in micro-batches no larger than those of short ones."""
    import vectune.train.room as room

    room._FEW_TEXTS = 1


def _dropout() -> None:
    """Dropout as the model's config has it, which takes the fast paths of attention away."""
    from vectune.train.loop import Trainer

    plain = Trainer._do

    def with_dropout(self: Any, batch: Any) -> float:
        self._encoder.model.train()
        return plain(self, batch)

    Trainer._do = with_dropout


PARTS: dict[str, Callable[[], None]] = {
    "default": lambda: None,
    "torch's own attention": _own_attention,
    "fp32 between the layers": _fp32_stream,
    "weights packed in each product": _weights_packed_each_time,
    "dense word-embedding gradient": _dense_tables,
    "sparse gradients left to autograd": _rows_left_to_autograd,
    "mallopt left alone": _small_blocks,
    "one micro-batch at a time": _setting("micro_batches_at_once", 1),
    "micro-batches as full as they get": _full_micro_batches,
    "no room for eight long texts": _nothing_for_few,
    "micro-batches of 512 tokens": _setting("micro_batch_tokens", 512),
    "micro-batches of 2,048 tokens": _setting("micro_batch_tokens", 2048),
    "micro-batches of 8,192 tokens": _setting("micro_batch_tokens", 8192),
    "one padded batch": _one_micro_batch,
    "dropout on": _dropout,
}


def turn(part: str, length: str) -> list[float]:
    """Pairs per second of each timed step, in this process."""
    PARTS[part]()
    pairs = texts(length == "short", BATCH * EPOCH)
    return [BATCH / second for second in time_vectune(pairs, STEPS[length], "auto")]


def measure(rounds: int) -> dict[str, Any]:
    """Every part, in turns."""
    speeds: dict[str, dict[str, list[float]]] = {part: {"long": [], "short": []} for part in PARTS}
    for _ in range(rounds):
        for length in STEPS:
            for part in PARTS:
                speeds[part][length].append(statistics.median(in_process("--turn", part, length, script=__file__)))
                print(f"{length}: {part}: {speeds[part][length][-1]:.2f} pairs/s", file=sys.stderr)
    middle = {part: {length: statistics.median(v) for length, v in both.items()} for part, both in speeds.items()}
    ratios = {
        part: {length: round(value / middle["default"][length], 2) for length, value in both.items()}
        for part, both in middle.items()
    }
    return {"pairs_per_second": middle, "ratios": ratios, "rounds": rounds, "machine": describe_machine()}


def table(found: dict[str, Any]) -> str:
    """The figures as a table for the page."""
    lines = ["| part | 10 + 143 words, pairs/s | of the default | 10 + 10 words, pairs/s | of the default |"]
    lines.append("| --- | --: | --: | --: | --: |")
    for part, speeds in found["pairs_per_second"].items():
        ratios = found["ratios"][part]
        lines.append(
            f"| {part} | {speeds['long']:.1f} | {ratios['long']:.2f} | {speeds['short']:.1f} | {ratios['short']:.2f} |"
        )
    return "\n".join([*lines, "", f"Medians of {found['rounds']} alternating rounds. Machine: {found['machine']}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object last instead of the table")
    parser.add_argument("--turn", nargs=2, metavar=("PART", "LENGTH"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.turn:
        print(json.dumps(turn(*asked.turn)))
        return
    found = measure(asked.rounds)
    write_section("train_parts", table(found), partial=is_partial(parser, asked), peak=matmul_peak)
    print(json.dumps(found) if asked.json else table(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
