"""docs/benchmarks.md and README.md: each benchmark writes its own sections, between its markers."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"


def write_section(name: str, content: str, page: Path = PAGE) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->`; the page must have the markers.

    On a machine with a GPU the section is that of NAME_gpu, so that the CPU's figures stay.
    """
    import torch

    name = f"{name}_gpu" if torch.cuda.is_available() else name
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text or end not in text:
        raise SystemExit(f"{page.name} has no section {name}")
    head, rest = text.split(begin, 1)
    _, tail = rest.split(end, 1)
    page.write_text(f"{head}{begin}\n{content}\n{end}{tail}", encoding="utf-8")


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
