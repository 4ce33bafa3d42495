"""Seconds and memory of exact search: `python benchmarks/exact_search.py [--json]`.

Random unit vectors; the search alone is timed, and the peak memory is the whole process's, vectors included.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
from page import describe_machine, write_section

from vectune.search.exact import top_k


def unit_vectors(count: int, dim: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def measure(documents: int, queries: int, dim: int, k: int) -> dict[str, float]:
    corpus, asked = unit_vectors(documents, dim, 0), unit_vectors(queries, dim, 1)
    started = time.perf_counter()
    top_k(asked, corpus, k)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kibibytes on Linux
    return {
        "documents": documents,
        "queries": queries,
        "dim": dim,
        "k": k,
        "seconds": round(seconds, 2),
        "peak_gib": round(peak / 2**30, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = measure(arguments.documents, arguments.queries, arguments.dim, arguments.k)
    if arguments.json:
        print(json.dumps(found))
    else:
        sentence = (
            f"{found['documents']:,} documents x {found['queries']:,} queries x {found['dim']} dims, top {found['k']}: "
            f"{found['seconds']} s, peak {found['peak_gib']} GiB"
        )
        print(sentence)
        write_section("exact_search", f"{sentence}.\n\nMachine: {describe_machine()}.")


if __name__ == "__main__":
    main()
