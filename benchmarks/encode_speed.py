"""Encoding speed against SentenceTransformer.encode: `python benchmarks/encode_speed.py [--quick] [--json]`.

The same model, texts and token limit on every side: short queries and documents of about 143 words from the standard
library's documentation. Sides take turns in one process, five times after a warm-up; ratios are of the medians. int8 is
calibrated on texts of the same kind that are not timed. What int8 loses in search is measured on two real sets, each
with its own calibration on its own training texts. `at peak` is what the measured bf16 matrix products of this machine
would allow if nothing else took time; products of int8 may be twice as fast. `--peers PYTHON` names the interpreter of
an environment where sentence-transformers has its onnx and openvino backends, which do not install beside ours.
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
from page import ROOT, describe_machine, write_section

BASE = "all-MiniLM-L6-v2"
QUERIES, DOCUMENTS = 1000, 300
QUERY_WORDS, DOCUMENT_WORDS = (6, 20), (95, 200)
CALIBRATION = 300
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
    begin = time.perf_counter(); model.encode(part); found[name] = len(part) / (time.perf_counter() - begin)
print(json.dumps(found))
"""

Encode = Callable[[list[str]], Any]


def texts_to_time(quick: bool) -> tuple[list[str], list[str], list[str]]:
    """Queries, documents, and other texts of both kinds to calibrate on."""
    from vectune.data.stdlib_docs import stdlib_pairs

    queries, documents = [], []
    for pair in stdlib_pairs():
        if QUERY_WORDS[0] <= len(pair.anchor.split()) <= QUERY_WORDS[1]:
            queries.append(pair.anchor)
        if DOCUMENT_WORDS[0] <= len(pair.positives[0].split()) <= DOCUMENT_WORDS[1]:
            documents.append(pair.positives[0])
    share = 10 if quick else 1
    num_documents = min(DOCUMENTS, len(documents) * 3 // 4) // share
    rest = documents[num_documents:][: CALIBRATION // 2]
    other = queries[QUERIES : QUERIES + CALIBRATION - len(rest)] + rest
    return queries[: QUERIES // share], documents[:num_documents], other


def export_int8(folder: Path, texts: list[str]) -> Path:
    """The base as OpenVINO int8, calibrated on `texts`, with the settings that `vectune export` has by default."""
    from vectune.config import ExportConfig
    from vectune.encode.export.folder import write_export
    from vectune.encode.export.int8 import Calibration
    from vectune.encode.loading import load_encoder
    from vectune.encode.resolve import resolve_model

    encoder = load_encoder(BASE, precision="fp32", device="cpu")
    tokens = encoder.tokenize(texts)
    ids = [tokens.ids[a:b].tolist() for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)]
    folder.mkdir(parents=True)
    settings = ExportConfig(model=BASE, format="openvino-int8", out=folder)
    calibration = Calibration(ids, settings.smoothing, settings.int8_loss)
    write_export(encoder, Path(resolve_model(BASE).location), folder, "openvino-int8", calibration)
    return folder


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


def search_loss(name: str, folder: Path, quick: bool) -> dict[str, Any]:
    """nDCG@10 on the test queries of a real set: fp32 torch, and int8 calibrated on its training texts."""
    from vectune.config import EvaluateConfig, TuneConfig
    from vectune.encode.loading import load_encoder
    from vectune.encode.open_encoder import open_encoder
    from vectune.evaluate.judge import judge
    from vectune.monitor.progress import Silent
    from vectune.workflows.dev_score import few_queries, small_corpus
    from vectune.workflows.export_data import calibration_texts
    from vectune.workflows.prepare import TokenLimit, prepare

    encoder = load_encoder(BASE, precision="fp32", device="cpu")
    config = TuneConfig(path=str(ROOT.parent / "shared" / "data" / name))
    splits = prepare(config, TokenLimit(encoder.count_tokens, encoder.max_tokens), Silent()).splits
    test = small_corpus(few_queries(splits.test, 50), 200) if quick else splits.test
    texts = [text for _, text in calibration_texts(splits, CALIBRATION, seed=0)]
    int8 = open_encoder(str(export_int8(folder, texts)))
    scores = [
        next(iter(judge(one, test, EvaluateConfig(general=False)).values())).totals["ndcg@10"]
        for one in (encoder, int8)
    ]
    return {"fp32": scores[0], "int8": scores[1], "loss": scores[0] - scores[1], "queries": len(test)}


def peers(python: str | None, queries: list[str], documents: list[str]) -> dict[str, Any]:
    """Texts per second of sentence-transformers' own onnx and openvino backends, each in a process of its own."""
    if python is None:
        return {"said": "not measured: their packages do not install beside these; see --peers"}
    from vectune.encode.resolve import resolve_model

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        file.write_text(json.dumps({"queries": queries, "documents": documents}))
        for backend in ("onnx", "openvino"):
            command = [python, "-c", PEER, resolve_model(BASE).location, backend, str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found[backend] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done.stderr[-300:]
    return found


def measure(quick: bool, rounds: int, peer: str | None) -> dict[str, Any]:
    from sentence_transformers import SentenceTransformer

    from vectune.encode.open_encoder import open_encoder
    from vectune.encode.resolve import resolve_model

    queries, documents, other = texts_to_time(quick)
    peak = statistics.median(train_speed.in_process("--peak", script=train_speed.__file__) for _ in range(3))
    default = SentenceTransformer(resolve_model(BASE).location, device="cpu")
    ours = open_encoder(BASE)
    found: dict[str, Any] = {"backend": type(ours).__name__, "precision": getattr(ours, "precision", "?")}
    found["peak_gflops"] = round(peak)
    with tempfile.TemporaryDirectory() as folder:
        int8 = open_encoder(str(export_int8(Path(folder) / "int8", other)))
        sides: dict[str, Encode] = {"default": default.encode, "vectune": ours.encode, "int8": int8.encode}
        for name, texts in (("queries", queries), ("documents", documents)):
            speeds = alternate(sides, texts, rounds)
            exact = default.encode(texts)
            found[f"num_{name}"] = len(texts)
            found[f"words_{name}"] = statistics.mean(len(text.split()) for text in texts)
            found[f"speed_{name}"] = speeds
            found[f"at_peak_{name}"] = texts_at_peak(texts, peak)
            found[f"ratio_{name}"] = speeds["vectune"] / speeds["default"]
            found[f"ratio_int8_{name}"] = speeds["int8"] / speeds["default"]
            found[f"cosine_{name}"] = cosines(ours.encode(texts), exact)
            found[f"cosine_int8_{name}"] = cosines(int8.encode(texts), exact)
        for name in SETS:
            if (ROOT.parent / "shared" / "data" / name).is_dir():
                found[f"ndcg10_{name}"] = search_loss(name, Path(folder) / name, quick)
            else:
                found[f"ndcg10_{name}"] = {"said": "not measured: the set is not beside the project"}
    found["cold_start_seconds"] = cold_start(1 if quick else rounds)
    found["peers"] = peers(peer, queries, documents)
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
    lines += ["", "| set | queries | nDCG@10 in fp32 | in int8 | loss |", "| --- | --: | --: | --: | --: |"]
    for name in SETS:
        one = found[f"ndcg10_{name}"]
        if "said" in one:
            lines.append(f"| {name} | {one['said']} | | | |")
        else:
            lines.append(f"| {name} | {one['queries']} | {one['fp32']:.4f} | {one['int8']:.4f} | {one['loss']:+.4f} |")
    lines += ["", f"`vectune encode` on one text, cold, the graph cached: {found['cold_start_seconds']:.2f} s."]
    lines += ["", f"Peers' own backends: {_peers_said(found['peers'])}", "", f"Machine: {describe_machine()}."]
    return "\n".join(lines)


def _peers_said(found: dict[str, Any]) -> str:
    if "said" in found:
        return f"{found['said']}."
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
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with sentence-transformers[onnx,openvino]")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure(given.quick, 1 if given.quick else given.rounds, given.peers)
    page = as_markdown(found)
    print(page)
    if not given.quick:
        write_section("encode_speed", page)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
