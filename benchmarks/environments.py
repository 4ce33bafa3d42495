"""Environments of their own for what does not install beside vectune, made on first use under the cache folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TORCH = "torch==2.13.0"


def made_environment(name: str, packages: Sequence[str], torch: bool = True) -> tuple[Path, bool]:
    """The folder of the environment `name`, and whether it was made now; RuntimeError with pip's words when the
    packages do not install. Whoever has more to put into a new one does so and then calls `mark_ready`."""
    from vectune.store.cache_folder import cache_folder

    folder = cache_folder() / "benchmarks" / name
    if (folder / ".ready").is_file():
        return folder, False
    print(f"making the environment of {name} in {folder}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    if torch:
        _install(folder, [TORCH])  # first and alone: it decides which build of torch the others get
    _install(folder, [TORCH, *packages] if torch else packages)
    return folder, True


def mark_ready(folder: Path) -> None:
    """The environment is whole: it is not made again."""
    (folder / ".ready").touch()


def remove(folder: Path, package: str) -> None:
    """Take a package out again that another one brought along."""
    subprocess.run([str(python_of(folder)), "-m", "pip", "uninstall", "--quiet", "--yes", package], check=True)


def python_of(folder: Path) -> Path:
    """Its interpreter."""
    return folder / "bin" / "python"


def _install(folder: Path, packages: Sequence[str]) -> None:
    command = [str(python_of(folder)), "-m", "pip", "install", "--quiet", *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise RuntimeError(" ".join(errors)[:300] or done.stderr[-300:])
