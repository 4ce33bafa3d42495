"""The last part of the report: time by stage, versions and the resolved settings."""

from __future__ import annotations

from vectune.report.bars import share_bars
from vectune.report.contents import RunContents
from vectune.report.markup import Content, Html, element
from vectune.report.tables import card, fact_list
from vectune.report.training import stages
from vectune.report.values import duration, mapping, sequence


def timings(run: RunContents) -> Html | None:
    """Seconds of each stage."""
    found = stages(run)
    if not found:
        return None
    rows = [(name.replace("_", " "), seconds, duration(seconds)) for name, seconds in found]
    total = duration(sum(seconds for _, seconds in found))
    return card("Time by stage", share_bars(rows, title="Time by stage"), note=f"{total} in all.")


def versions(run: RunContents) -> Html:
    """What made the run: models, space and versions."""
    facts: list[tuple[str, Content]] = [("Base model", _mono(run.base_model))]
    if run.verdict.get("tuned_model"):
        facts.append(("Tuned model", _mono(str(run.verdict["tuned_model"]))))
    if run.space.get("fingerprint"):
        facts.append(("Space", _mono(str(run.space["fingerprint"]))))
    facts += [(f"{name} prompt", _mono(prompt)) for name, prompt in prompts(run) if prompt]
    named = {"vectune": run.verdict.get("vectune"), **mapping(run.verdict.get("versions"))}
    facts += [(name, _mono(str(version))) for name, version in named.items() if version]
    return card("Models and versions", fact_list(facts))


def prompts(run: RunContents) -> list[tuple[str, str]]:
    """(Query, prompt) and (Document, prompt) of the tuned model's space; empty prompts too."""
    return [(side.capitalize(), str(run.space.get(f"{side}_prompt") or "")) for side in ("query", "document")]


def settings(run: RunContents) -> Html | None:
    """The resolved configuration, folded."""
    if not run.config_text:
        return None
    shown = element("pre", element("code", run.config_text), tabindex="0")
    return card("Settings", element("details", element("summary", "config.toml, as resolved"), shown), look="wide")


def unreadable(run: RunContents) -> Html | None:
    """The files that are there but damaged, if any."""
    names = ", ".join(str(name) for name in sequence(list(run.unreadable)))
    return element("p", f"Not shown, because it can't be read: {names}.", class_="alert") if names else None


def _mono(text: str) -> Html:
    return element("span", text, class_="mono")
