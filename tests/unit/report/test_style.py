from __future__ import annotations

import re

from vectune.report.style import ICON, style_sheet


def variables(block: str) -> dict[str, str]:
    """The colour variables of one block."""
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", block))


def test_style_asks_for_nothing_outside() -> None:
    """No font, picture or sheet is imported, and the icon is in the page."""
    css = style_sheet()
    assert "url(" not in css
    assert "@import" not in css
    assert ICON.startswith("data:image/svg+xml,")


def test_light_dark_and_print_define_the_same_colours() -> None:
    """A colour that one palette lacks would be taken from another and may not be readable."""
    blocks = re.findall(r":root \{(.*?)\}", style_sheet(), flags=re.DOTALL)
    light, dark, printed = (variables(block) for block in blocks)
    assert len(light) > 15
    assert light.keys() == dark.keys() == printed.keys()


def test_every_variable_that_is_used_exists() -> None:
    """No rule names a colour that no palette has."""
    css = style_sheet()
    assert set(re.findall(r"var\(--([\w-]+)\)", css)) <= set(re.findall(r"--([\w-]+):", css))
