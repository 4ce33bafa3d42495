"""Encoding speed against SentenceTransformer.encode: `python benchmarks/encode_speed.py [--quick] [--json]`.

The same model, texts and token limit on every side: short queries and documents of about 143 words from the standard
library's documentation. Sides take turns in one process, five times after a warm-up; ratios are of the medians. int8 is
made by `vectune export` with its defaults: for the timing from pairs of the same documentation that are not timed, and
for what it loses in search from two real sets, each with its own training texts and dev set. The loss is that on their
test queries against fp32, beside what bf16 loses, and that on all queries which int8 has not seen: the base was not
trained on any, so that only those of dev and those that int8 was calibrated on are left out. int8 there is timed
against bf16 on the set's own documents, since what is left in floating point differs from set to set. `at peak` is what
the measured bf16 matrix products of this machine would allow if nothing else took time; products of int8 may be twice
as fast. sentence-transformers' own onnx and openvino backends get environments of their own, where they install; their
texts are the same ones. Where there is a GPU, the first two sides run on it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import train_speed
from environments import made_environment, mark_ready, python_of, remove
from page import ROOT, describe_machine, is_partial, write_section

BASE = "all-MiniLM-L6-v2"
QUERIES, DOCUMENTS = 1000, 300
QUERY_WORDS, DOCUMENT_WORDS = (6, 20), (95, 200)
PAIRS = 3000
PEERS = "6.2.0"
SETS = ("covidqa", "tldr_de")
PEER = """
import json, sys, time
from sentence_transformers import SentenceTransformer
folder, backend, file = sys.argv[1:]
texts = json.load(open(file))
model = SentenceTransformer(folder, backend=backend, device="cpu")
found = {}
for name, part in texts.items():
    model.encode(part)
    times = []
    for _ in range(5):
        begin = time.perf_counter(); model.encode(part); times.append(time.perf_counter() - begin)
    found[name] = len(part) / sorted(times)[2]
print(json.dumps(found))
"""

Encode = Callable[[list[str]], Any]


def texts_to_time(quick: bool) -> tuple[list[str], list[str]]:
    """Queries and documents."""
    from vectune.data.stdlib_docs import stdlib_pairs

    queries, documents = [], []
    for pair in stdlib_pairs():
        if QUERY_WORDS[0] <= len(pair.anchor.split()) <= QUERY_WORDS[1]:
            queries.append(pair.anchor)
        if DOCUMENT_WORDS[0] <= len(pair.positives[0].split()) <= DOCUMENT_WORDS[1]:
            documents.append(pair.positives[0])
    share = 10 if quick else 1
    return queries[: QUERIES // share], documents[: DOCUMENTS // share]


def pairs_file(folder: Path, timed: list[str]) -> Path:
    """Pairs of the documentation without the texts that are timed."""
    from vectune.data.stdlib_docs import stdlib_pairs

    apart = set(timed)
    rows = [
        {"query": pair.anchor, "positive": pair.positives[0]}
        for pair in stdlib_pairs()
        if apart.isdisjoint((pair.anchor, pair.positives[0]))
    ]
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:PAIRS]))
    return file


def export_int8(folder: Path, data: Path) -> tuple[Any, dict[str, Any]]:
    """The base as OpenVINO int8 by `vectune export` on `data`, and what its certificate and its manifest say.

    In a process of its own: exporting sets the process's allocator, which the other sides have as they find it.
    """
    from vectune.encode.export.manifest import read_manifest
    from vectune.encode.open_encoder import open_encoder

    command = [sys.executable, "-m", "vectune", "export", BASE, "--format", "openvino-int8", "--json"]
    command += ["--data", str(data), "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the export failed: {done.stderr[-500:]}")
    parity = json.loads(done.stdout)["parity"]
    made = read_manifest(folder).calibration or {}
    facts = {
        "dev_loss": next(iter(parity["dims"].values()))["loss"], "cosine_mean": parity["cosine"]["mean"],
        "most_loss": made.get("most_loss"), "split": len(made.get("split", ())), "kept": len(made.get("kept", ())),
    }  # fmt: skip
    return open_encoder(str(folder)), facts


def alternate(sides: dict[str, Encode], texts: list[str], rounds: int) -> dict[str, float]:
    """Median texts per second of each side, the sides taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for encode in sides.values():
        encode(texts)
    for _ in range(rounds):
        for name, encode in sides.items():
            begin = time.perf_counter()
            encode(texts)
            seconds[name].append(time.perf_counter() - begin)
    return {name: len(texts) / statistics.median(times) for name, times in seconds.items()}


def texts_at_peak(texts: list[str], gflops: float) -> float:
    """Texts per second if a forward pass were matrix products alone, at `gflops`, without padding."""
    from vectune.encode.loading import load_encoder
    from vectune.records import Role

    encoder = load_encoder(BASE, device="cpu")
    lengths = encoder.tokenize(texts, Role.DOCUMENT).lengths
    needed = train_speed.forward_gflop(encoder.model[0].auto_model.config, lengths)
    return len(texts) * gflops / needed


def cosines(ours: Any, theirs: Any) -> dict[str, float]:
    values = np.einsum("nd,nd->n", ours, theirs / np.linalg.norm(theirs, axis=1, keepdims=True))
    return {"min": float(values.min()), "mean": float(values.mean())}


def cold_start(rounds: int) -> float:
    """Median seconds of `vectune encode` on one text, from process start to its end, the graph being cached."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "text.txt").write_text("how long does the first answer take?\n")
        command = [sys.executable, "-m", "vectune", "encode", BASE, "text.txt", "--out", "vectors.npy"]
        times = []
        for _ in range(rounds + 1):
            begin = time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def search_loss(name: str, folder: Path, quick: bool, rounds: int) -> dict[str, Any]:
    """nDCG@10 of a real set in fp32, bf16 and int8, with the interval of each loss: on its test queries, and on all
    queries that int8 has not seen."""
    from vectune.config import TuneConfig
    from vectune.encode.loading import load_encoder
    from vectune.encode.open_encoder import open_encoder
    from vectune.monitor.progress import Silent
    from vectune.workflows.dev_score import few_queries, small_corpus
    from vectune.workflows.parity import Remembering
    from vectune.workflows.prepare import TokenLimit, prepare

    encoder = load_encoder(BASE, precision="fp32", device="cpu")
    data = ROOT.parent / "shared" / "data" / name
    config = TuneConfig(path=str(data))
    splits = prepare(config, TokenLimit(encoder.count_tokens, encoder.max_tokens), Silent()).splits
    test = small_corpus(few_queries(splits.test, 50), 200) if quick else splits.test
    int8, facts = export_int8(folder, data)
    bf16 = open_encoder(BASE)
    sides = {"fp32": Remembering(encoder), "bf16": Remembering(bf16), "int8": Remembering(int8)}
    found = {"made": facts, **losses(sides, test), "unseen": losses(sides, test if quick else unseen(splits))}
    documents = list(test.corpus.values())[:DOCUMENTS]
    speeds = alternate({"bf16": bf16.encode, "int8": int8.encode}, documents, rounds)
    return found | {"loss": found["loss_int8"]["loss"], "int8_over_bf16": speeds["int8"] / speeds["bf16"]}


def unseen(splits: Any) -> Any:
    """Test, and of train what int8 was not calibrated on."""
    from vectune.config import ExportConfig
    from vectune.records import Retrieval
    from vectune.workflows.export_data import calibration_texts

    defaults = ExportConfig.model_fields
    calibrated = calibration_texts(splits, defaults["calibration_texts"].default, defaults["seed"].default)
    apart = {text for _, text in calibrated}
    train, test = splits.train, splits.test
    queries = {query: text for query, text in train.queries.items() if text not in apart} | dict(test.queries)
    judged = {**train.qrels, **test.qrels}
    qrels = {query: judged[query] for query in queries}
    return Retrieval(queries, {**train.corpus, **test.corpus}, qrels)


def losses(sides: dict[str, Any], data: Any) -> dict[str, Any]:
    """nDCG@10 of each side, and what those after the first lose against it."""
    from vectune.config import EvaluateConfig
    from vectune.evaluate.judge import judge
    from vectune.evaluate.significance import compare

    judging = EvaluateConfig(general=False)
    judged = {side: next(iter(judge(one, data, judging).values())) for side, one in sides.items()}
    found: dict[str, Any] = {"queries": len(data)}
    for side, one in judged.items():
        found[side] = one.totals["ndcg@10"]
        if side != "fp32":
            told = compare(one, judged["fp32"], "ndcg@10", judging)
            found[f"loss_{side}"] = {"loss": told.difference, "low": told.low, "high": told.high}
    return found


def peers(queries: list[str], documents: list[str]) -> dict[str, Any]:
    """Texts per second of sentence-transformers' own onnx and openvino backends, each in an environment and a process
    of its own; what pip or the process said where there are none."""
    from vectune.encode.resolve import resolve_model

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        file.write_text(json.dumps({"queries": queries, "documents": documents}))
        for backend in ("onnx", "openvino"):
            try:
                place, new = made_environment(
                    f"sentence-transformers-{PEERS}-{backend}", [f"sentence-transformers[{backend}]=={PEERS}"]
                )
            except RuntimeError as error:
                found[backend] = f"does not install: {error}"
                continue
            if new:  # its torchvision is built for another torch, and transformers fails to load beside it
                remove(place, "torchvision")
                mark_ready(place)
            command = [str(python_of(place)), "-c", PEER, resolve_model(BASE).location, backend, str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found[backend] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done.stderr[-300:]
    return found


def _peak() -> float:
    """GFLOP/s of a bf16 matrix product; other tenants of a machine can only lower it, so that the largest counts."""
    return float(train_speed.in_process("--peak", script=train_speed.__file__))


def measure(quick: bool, rounds: int) -> dict[str, Any]:
    import torch
    from sentence_transformers import SentenceTransformer

    from vectune.encode.open_encoder import open_encoder
    from vectune.encode.resolve import resolve_model

    queries, documents = texts_to_time(quick)
    peaks = [_peak()]
    default = SentenceTransformer(resolve_model(BASE).location, device="cuda" if torch.cuda.is_available() else "cpu")
    ours = open_encoder(BASE)
    found: dict[str, Any] = {"backend": type(ours).__name__, "precision": getattr(ours, "precision", "?")}
    with tempfile.TemporaryDirectory() as folder:
        data = pairs_file(Path(folder), [*queries, *documents])
        int8, found["made"] = export_int8(Path(folder) / "int8", data)
        sides: dict[str, Encode] = {"default": default.encode, "vectune": ours.encode, "int8": int8.encode}
        for name, texts in (("queries", queries), ("documents", documents)):
            speeds = alternate(sides, texts, rounds)
            exact = default.encode(texts)
            found[f"num_{name}"] = len(texts)
            found[f"words_{name}"] = statistics.mean(len(text.split()) for text in texts)
            found[f"speed_{name}"] = speeds
            peaks.append(_peak())
            found[f"ratio_{name}"] = speeds["vectune"] / speeds["default"]
            found[f"ratio_int8_{name}"] = speeds["int8"] / speeds["default"]
            found[f"cosine_{name}"] = cosines(ours.encode(texts), exact)
            found[f"cosine_int8_{name}"] = cosines(int8.encode(texts), exact)
        found["peak_gflops"] = round(max(peaks))
        for name, texts in (("queries", queries), ("documents", documents)):
            found[f"at_peak_{name}"] = texts_at_peak(texts, max(peaks))
        for name in SETS:
            if (ROOT.parent / "shared" / "data" / name).is_dir():
                found[f"ndcg10_{name}"] = search_loss(name, Path(folder) / name, quick, rounds)
            else:
                found[f"ndcg10_{name}"] = {"said": "not measured: the set is not beside the project"}
    found["cold_start_seconds"] = cold_start(1 if quick else rounds)
    found["peers"] = peers(queries, documents)
    return found


def as_markdown(found: dict[str, Any]) -> str:
    lines = [
        "| texts | SentenceTransformer | vectune | times | int8 | times | at peak | cosine (min) "
        "| int8 cosine (min, mean) |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for name in ("queries", "documents"):
        speed, exact, rough = found[f"speed_{name}"], found[f"cosine_{name}"], found[f"cosine_int8_{name}"]
        lines.append(
            f"| {found[f'num_{name}']:,} {name}, {found[f'words_{name}']:.0f} words | {speed['default']:,.0f}/s "
            f"| {speed['vectune']:,.0f}/s | {found[f'ratio_{name}']:.1f}x | {speed['int8']:,.0f}/s "
            f"| {found[f'ratio_int8_{name}']:.1f}x | {found[f'at_peak_{name}']:,.0f}/s | {exact['min']:.5f} "
            f"| {rough['min']:.4f}, {rough['mean']:.4f} |"
        )
    lines += ["", f"The measured bf16 peak is {found['peak_gflops']} GFLOP/s."]
    lines += ["", f"int8 was made with {_made_said(found['made'])}.", ""]
    lines += [
        "| queries | number | nDCG@10 in fp32 | lost in bf16 | lost in int8 | int8 over bf16 | int8 was made with |"
    ]
    lines += ["| --- | --: | --: | --: | --: | --: | --- |"]
    for name in SETS:
        one = found[f"ndcg10_{name}"]
        if "said" in one:
            lines.append(f"| {name} | {one['said']} | | | | | |")
            continue
        for kind, part in (("test", one), ("all that int8 has not seen", one["unseen"])):
            lines.append(
                f"| {name}, {kind} | {part['queries']:,} | {part['fp32']:.4f} | {_loss_said(part['loss_bf16'])} "
                f"| {_loss_said(part['loss_int8'])} | {one['int8_over_bf16']:.2f}x | {_made_said(one['made'])} |"
            )
    lines += ["", f"`vectune encode` on one text, cold, the graph cached: {found['cold_start_seconds']:.2f} s."]
    lines += ["", f"Peers' own backends: {_peers_said(found['peers'])}", "", f"Machine: {describe_machine()}."]
    return "\n".join(lines)


def _loss_said(told: dict[str, float]) -> str:
    return f"{told['loss']:+.4f} ({told['low']:+.4f} to {told['high']:+.4f})"


def _made_said(made: dict[str, Any]) -> str:
    return (
        f"int8_loss {made['most_loss']:g}: {made['split']} layers in two parts, {made['kept']} in floating point, "
        f"{made['dev_loss']:+.4f} lost on dev"
    )


def _peers_said(found: dict[str, Any]) -> str:
    told = []
    for name, speeds in found.items():
        rates = (
            speeds if isinstance(speeds, str) else ", ".join(f"{rate:,.0f} {kind}/s" for kind, rate in speeds.items())
        )
        told.append(f"{name}: {rates}")
    return "; ".join(told) + "."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the texts, one round, no page: a trial")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure(given.quick, 1 if given.quick else given.rounds)
    page = as_markdown(found)
    print(page)
    if not given.quick:
        write_section("encode_speed", page, partial=is_partial(parser, given), peak=train_speed.matmul_peak)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
