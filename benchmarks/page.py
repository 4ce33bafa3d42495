"""docs/benchmarks.md and README.md: each benchmark writes its own sections, between its markers."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"


_SLOW_GFLOPS = 300
"""bf16 matrix products a second and core, in 1e9 operations, below which a machine is of the slower kind."""


def write_section(
    name: str, content: str, page: Path = PAGE, *, partial: bool = False, peak: Callable[[], float] | None = None
) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->`; after a `partial` run the page stays as it is.

    On a machine with a GPU the section is that of NAME_gpu, so that the CPU's figures stay. With `peak`, which measures
    GFLOP/s, it is NAME_slow on a machine of the slower kind. Both are made where they are missing, right after NAME.
    """
    import torch

    if partial:
        print(f"a partial run: {page.name} stays as it is", file=sys.stderr)
        return
    suffix, heading = "_gpu", ""
    if not torch.cuda.is_available():
        suffix, heading = kind_of(peak() if peak else None, os.cpu_count() or 1)
    page.write_text(placed(page.read_text(encoding="utf-8"), name, suffix, heading + content), encoding="utf-8")


def kind_of(peak: float | None, cores: int) -> tuple[str, str]:
    """What a section's name ends in and begins with on a machine of this peak; nothing where it was not measured."""
    if peak is None or peak >= _SLOW_GFLOPS * cores:
        return "", ""
    return "_slow", f"On a machine of the slower kind: its bf16 matrix products peak at {peak:.0f} GFLOP/s.\n\n"


def placed(text: str, name: str, suffix: str, content: str) -> str:
    """`text` with `content` in the section NAME and SUFFIX, which is made after NAME; SystemExit without NAME."""
    if f"<!-- {name} -->" not in text or f"<!-- /{name} -->" not in text:
        raise SystemExit(f"the page has no section {name}: put <!-- {name} --> and <!-- /{name} --> where it belongs")
    begin, end = f"<!-- {name}{suffix} -->", f"<!-- /{name}{suffix} -->"
    if begin not in text:
        text = text.replace(f"<!-- /{name} -->", f"<!-- /{name} -->\n\n{begin}\n{end}", 1)
    head, rest = text.split(begin, 1)
    _, tail = rest.split(end, 1)
    return f"{head}{begin}\n{content}\n{end}{tail}"


def is_partial(parser: argparse.ArgumentParser, given: argparse.Namespace) -> bool:
    """Whether less was asked for than the script does by default: a smaller number, or a shorter list."""
    for name, value in vars(given).items():
        usual = parser.get_default(name)
        if isinstance(value, list | tuple) and isinstance(usual, list | tuple):
            value, usual = len(value), len(usual)
        if isinstance(usual, int | float) and not isinstance(usual, bool) and value < usual:
            return True
    return False


def describe_machine() -> str:
    """Processor, cores, memory, system, Python and torch, in one line."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{_processor()}{gpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    name = found.group(1).strip() if found else platform.processor() or platform.machine()
    flags = info.read_text() if info.exists() else ""
    return f"{name} (AVX512-BF16)" if "avx512_bf16" in flags else name
