"""Where a training step's time goes: `python benchmarks/train_profile.py [--json]`.

torch's profiler over a few steps of the long rows of train_speed.py, on one thread: shares of the operators' own time,
with the engine as it is and with torch's own attention and dense word-embedding gradients, as it was before.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from page import describe_machine, write_section
from train_parts import PARTS
from train_speed import BATCH, in_process, texts, time_vectune

STEPS = 2
GROUPS = {
    "matrix products": ("aten::mm", "aten::addmm", "mkldnn::_linear_pointwise"),
    "attention, forward": ("aten::_scaled_dot_product_flash_attention_for_cpu", "aten::_softmax", "aten::masked_fill_"),
    "attention, backward": (
        "aten::_scaled_dot_product_flash_attention_for_cpu_backward", "aten::_softmax_backward_data",
    ),
    "attention, products of whole matrices (both)": ("aten::bmm",),
    "filling with zeros": ("aten::fill_", "aten::zero_"),
    "copies and casts": ("aten::copy_",),
    "GELU": ("aten::gelu", "aten::gelu_backward"),
    "layer norm": ("aten::native_layer_norm", "aten::native_layer_norm_backward"),
    "optimiser": ("aten::_fused_adamw_",),
}  # fmt: skip
SIDES = {
    "now": ("default",),
    "before": ("torch's own attention", "fp32 between the layers", "dense word-embedding gradient"),
}


def shares(side: str) -> dict[str, float]:
    """Share of each group in the operators' own time, in this process."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    torch.set_num_threads(1)
    for part in SIDES[side]:
        PARTS[part]()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        time_vectune(texts(False, BATCH * (STEPS + 1)), STEPS, "auto")
    own = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    whole = sum(own.values())
    found = {group: sum(own.get(name, 0) for name in names) / whole for group, names in GROUPS.items()}
    return found | {"all else": 1 - sum(found.values())}


def measure() -> dict[str, Any]:
    """Both sides, a process each."""
    return {
        "shares": {side: in_process("--side", side, script=__file__) for side in SIDES},
        "machine": describe_machine(),
    }


def table(found: dict[str, Any]) -> str:
    """The shares as a table for the page."""
    lines = ["| share of a step | before | now |", "| --- | --: | --: |"]
    before, now = found["shares"]["before"], found["shares"]["now"]
    lines += [f"| {group} | {before[group]:.0%} | {now[group]:.0%} |" for group in before]
    return "\n".join([*lines, "", f"Machine: {found['machine']}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object last instead of the table")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(shares(asked.side)))
        return
    found = measure()
    write_section("train_profile", table(found))
    print(json.dumps(found) if asked.json else table(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
