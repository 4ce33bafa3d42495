"""Texts per second of a token table against its base: `python benchmarks/static_speed.py [--quick] [--json]`.

all-MiniLM-L6-v2 is distilled into a table with the settings that `--method static` has by default, on the texts of
encode_speed.py. Sides take turns in one process: the base through SentenceTransformer.encode, the table through the
same, and the table as `vectune encode` opens it. How good such a table is, methods.py tells.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from encode_speed import BASE, Encode, alternate, texts_to_time
from page import describe_machine, is_partial, write_section
from train_speed import matmul_peak

TIMES = 20
"""The texts are taken this many times for the tables, which are done with them within milliseconds."""


def distilled(folder: Path, texts: list[str]) -> Path:
    """The base as a token table, saved to `folder`."""
    from vectune.config import TrainConfig
    from vectune.encode.loading import load_encoder, save_model
    from vectune.monitor.progress import Silent
    from vectune.train.distil_static import TableShape, distil

    config = TrainConfig()
    shape = TableShape(config.static_dim, config.static_words, config.static_sif, config.static_whitening)
    save_model(distil(load_encoder(BASE), texts, shape, Silent()).model, folder)
    return folder


def measure(quick: bool, rounds: int) -> dict[str, Any]:
    """Median texts per second of each side, and how many times the base's."""
    from sentence_transformers import SentenceTransformer

    from vectune.encode.open_encoder import open_encoder
    from vectune.encode.resolve import resolve_model

    queries, documents = texts_to_time(quick)
    found: dict[str, Any] = {"machine": describe_machine(), "rounds": rounds}
    with tempfile.TemporaryDirectory() as folder:
        place = str(distilled(Path(folder) / "static", queries + documents))
        base = SentenceTransformer(resolve_model(BASE).location, device="cpu")
        plain, ours = SentenceTransformer(place, device="cpu"), open_encoder(place)
        sides: dict[str, Encode] = {
            "base": base.encode,
            "table, SentenceTransformer": lambda texts: plain.encode(texts * TIMES),
            "table, vectune": lambda texts: ours.encode(texts * TIMES),
        }
        for name, texts in (("queries", queries), ("documents", documents)):
            speeds = alternate(sides, texts, rounds)
            speeds = {side: speed if side == "base" else speed * TIMES for side, speed in speeds.items()}
            found[name] = speeds
            found[f"ratio_{name}"] = speeds["table, vectune"] / speeds["base"]
    return found


def table(found: dict[str, Any]) -> str:
    """The figures as a table for the page."""
    lines = ["| texts/s | queries | times the base | documents | times the base |", "| --- | --: | --: | --: | --: |"]
    for side, speed in found["queries"].items():
        queries, documents = speed / found["queries"]["base"], found["documents"][side] / found["documents"]["base"]
        lines.append(f"| {side} | {speed:,.0f} | {queries:.0f}x | {found['documents'][side]:,.0f} | {documents:.0f}x |")
    told = f"Medians of {found['rounds']} alternating rounds. Machine: {found['machine']}."
    return "\n".join([*lines, "", told])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the texts, one round, no page: a trial")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure(given.quick, 1 if given.quick else given.rounds)
    print(table(found))
    if not given.quick:
        write_section("static_speed", table(found), partial=is_partial(parser, given), peak=matmul_peak)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
