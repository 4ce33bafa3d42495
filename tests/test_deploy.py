"""The files of deploy/ as far as they can be tried here, and that the page about them says what they hold."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vectune.config import ServeConfig
from vectune.config.load import load_config

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
UNIT = (DEPLOY / "vectune.service").read_text(encoding="utf-8")


# Only systemd itself can judge a unit, and containers and macOS have none.
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_unit_file_is_one(tmp_path: Path) -> None:
    """systemd finds nothing wrong with the unit: every directive is known, and what it starts is there."""
    program = Path(sys.executable).with_name("vectune")
    unit = tmp_path / "vectune.service"
    unit.write_text(UNIT.replace("/opt/vectune/bin/vectune", str(program)), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    told = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, told) == (0, [])


@pytest.mark.parametrize(
    "line",
    ["ProtectSystem=strict", "NoNewPrivileges=yes", "StateDirectory=vectune", "MemoryMax=", "Restart=on-failure",
     "CapabilityBoundingSet=", "OOMPolicy=continue"],
)  # fmt: skip
def test_unit_is_hardened(line: str) -> None:
    """What the page promises of the unit stands in it."""
    assert re.search(rf"^{re.escape(line)}", UNIT, re.MULTILINE)


def test_settings_are_taken() -> None:
    """The sample of settings is one, and its home is the folder that the unit may write to."""
    config = load_config(ServeConfig, DEPLOY / "serve.toml", {})
    assert (config.home, config.log.style) == (Path("/var/lib/vectune"), "json")


def test_container_takes_no_rights() -> None:
    """The image runs as a user without rights, keeps everything in one volume, and tells its health."""
    lines = (DEPLOY / "Containerfile").read_text(encoding="utf-8").splitlines()
    assert "USER 10001:10001" in lines
    assert "VOLUME /data" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert any("/healthz" in line for line in lines)
    assert "COPY --from=build /opt/vectune /opt/vectune" in lines


def test_container_installs_what_the_project_pins() -> None:
    """The torch of the image is the project's own, and what is copied in is what the ignore file lets through."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    pinned = re.search(r'"(torch==[\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pinned is not None
    assert pinned[1] in text
    let_through = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert f"!{name}" in let_through
            assert (ROOT / name).exists()


def test_proxy_lets_through_what_the_service_takes() -> None:
    """nginx takes uploads of the largest size, streams events, keeps the ids, and hides the numbers."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    size = re.search(r"client_max_body_size\s+(\d+)m;", text)
    assert size is not None
    assert int(size[1]) << 20 > ServeConfig().upload_bytes
    assert re.search(r"proxy_set_header\s+X-Request-ID\s+\$request_id;", text)
    events = text.split("/events$", 1)[1].split("}", 1)[0]
    assert re.search(r"proxy_buffering\s+off;", events)
    assert "deny  all;" in text.split("= /metrics", 1)[1].split("}", 1)[0]


def test_page_names_every_metric(tmp_path: Path) -> None:
    """Each metric of the service stands on the page, and no other."""
    from vectune.http.metrics import Levels, ServerMetrics

    page, _ = ServerMetrics({}, 100).page(Levels(0, 0, 0, 0, True, {}))
    found = {
        name.removesuffix("_created") for name in re.findall(r"^# TYPE (vectune_\w+)", page.decode(), re.MULTILINE)
    }
    named = set(re.findall(r"`(vectune_\w+)", PAGE.split("| metric |", 1)[1].split("\n\n", 1)[0]))
    assert named == {name for name in found if f"{name}_total" not in found}
