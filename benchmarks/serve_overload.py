"""More callers than the server can serve: `python benchmarks/serve_overload.py [--quick] [--json]`.

64 and 500 clients ask for documents of about 150 words without a pause, of a server whose `waiting_seconds` is
`--waiting`. Told are the answers of each status and how long their callers waited: who is served should not wait much
longer than that, and who is not should be told so at once.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from page import describe_machine, write_section
from servers import Server, put_load, vectune_server
from texts import bodies

CLIENTS = (64, 500)
SECONDS, WARM_SECONDS = 20.0, 5.0


def measure(waiting: float, seconds: float) -> dict[str, Any]:
    """What the load found, by number of clients, and a refusal as a client sees it."""
    found: dict[str, Any] = {"waiting_seconds": waiting, "clients": {}}
    with vectune_server("--workers", "0", "--set", f"waiting_seconds={waiting}") as server:
        for clients in CLIENTS:
            asked = bodies("documents", 20_000, server.model, seed=clients)
            found["clients"][clients] = put_load(server, asked, clients, seconds, WARM_SECONDS)
        found["healthy_after"] = _answers(server)
    return found


def _answers(server: Server) -> bool:
    return server.ask({"input": "is anybody there?"})[0] == 200


def as_markdown(found: dict[str, Any]) -> str:
    """One row for each number of clients and status."""
    lines = ["| clients | answer | answers/s | p50 ms | p99 ms | slowest ms |", "| --: | --: | --: | --: | --: | --: |"]
    for clients, one in found["clients"].items():
        seconds = sum(part["requests"] for part in one["by_status"].values()) / one["rate"]
        for status, part in sorted(one["by_status"].items()):
            times = " | ".join(f"{part[name]:,.0f}" for name in ("p50", "p99", "slowest"))
            lines.append(f"| {clients} | {status} | {part['requests'] / seconds:,.0f} | {times} |")
    after = "it answered" if found["healthy_after"] else "IT DID NOT ANSWER"
    lines += ["", f"`waiting_seconds` was {found['waiting_seconds']:g}; afterwards {after}.", ""]
    return "\n".join([*lines, f"Machine: {describe_machine()}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=float, default=3.0, help="the server's waiting_seconds")
    parser.add_argument("--quick", action="store_true", help="a few seconds each, no page: a trial")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure(given.waiting, 4.0 if given.quick else SECONDS)
    print(as_markdown(found))
    if not given.quick:
        write_section("serve_overload", as_markdown(found))
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
