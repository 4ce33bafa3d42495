"""The report in a real browser: nothing loaded, nothing cut off, everything readable, light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.run_folder import write_run_folder
from vectune.report.page import render_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")

# WCAG 2.2, 1.4.3: the ratio of the relative luminances of a text and of what it stands on.
CONTRASTS = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (parts(colour).length === 3 || parts(colour)[3] === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || parent.closest('title, desc, style')) continue;
    const style = getComputedStyle(parent);
    const ink = parent.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(parent))].sort((x, y) => y - x);
    found.push([Math.round(100 * (a + 0.05) / (b + 0.05)) / 100, walker.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the report of a run with long names and texts lies."""
    long = "an-uncommonly-long-name-of-a-model-that-no-line-of-a-telephone-holds/" * 3
    folder = write_run_folder(
        tmp_path_factory.mktemp("runs") / "helpdesk-20261121-101500", changes={"base_model": long}
    )
    (folder / "report.html").write_text(render_report(folder), encoding="utf-8")
    return (folder / "report.html").as_uri()


def open_page(browser: Any, address: str, width: int, scheme: str) -> tuple[Any, list[str], list[str]]:
    """The page, the addresses it asked for and the errors it met."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    return page, asked, errors


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_page_stands_alone_and_fits(browser: Any, address: str, width: int, scheme: str) -> None:
    """The page asks for itself only, meets no error, and nothing sticks out sideways with every fold open."""
    page, asked, errors = open_page(browser, address, width, scheme)
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sticking = """width => [...document.querySelectorAll('main *')]
        .filter(e => !e.closest('.scroll, pre, .unseen, caption'))
        .filter(e => e.getBoundingClientRect().right > width + 1).map(e => e.outerHTML.slice(0, 90))"""
    assert page.evaluate(sticking, width) == []
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read(browser: Any, address: str, width: int, scheme: str) -> None:
    """Every text has a contrast of 4.5 or more against what it stands on."""
    page, _, _ = open_page(browser, address, width, scheme)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 200
    assert [pair for pair in found if pair[0] < 4.5] == []
    page.close()


def test_dark_is_dark(browser: Any, address: str) -> None:
    """The page follows the system: another ground and another ink."""
    grounds = []
    for scheme in SCHEMES:
        page, _, _ = open_page(browser, address, 1280, scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert grounds == ["rgb(243, 245, 248)", "rgb(14, 19, 26)"]


def test_type_keeps_its_size_on_a_phone(browser: Any, address: str) -> None:
    """Drawings are redrawn for the width, not shrunk: no text of a chart is smaller than 12 px."""
    page, _, _ = open_page(browser, address, 390, "light")
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg text')].map(t => parseFloat(getComputedStyle(t).fontSize) * t.getCTM().a)"
    )
    assert min(sizes) >= 12
    page.close()


def test_cards_of_a_judgement_only(browser: Any, tmp_path: Path) -> None:
    """The page of a folder with little in it fits a phone too."""
    parts = ("metrics.jsonl", "split.json", "data.json", "examples.json", "config.toml", "model/vectune_space.json")
    folder = write_run_folder(tmp_path / "judged", without=parts, kind="scored")
    (folder / "report.html").write_text(render_report(folder), encoding="utf-8")
    page, _, errors = open_page(browser, (folder / "report.html").as_uri(), 390, "dark")
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
