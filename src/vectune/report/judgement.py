"""The part of the report that says whether the tuned model is better: verdict, scores, difference, general ability."""

from __future__ import annotations

from vectune.report.bars import Bar, difference_strip, score_bars
from vectune.report.contents import RunContents
from vectune.report.markup import Html, element, prose
from vectune.report.tables import card, chip, fact_list, tile
from vectune.report.values import (
    NONE,
    count,
    interval,
    label,
    mapping,
    number,
    percent,
    score,
    signed,
)

BADGES = {
    "ship": ("good", "✓", "Ship"),
    "do not ship": ("bad", "✕", "Do not ship"),
    "undecided": ("open", "?", "Undecided"),
}
"""How a verdict looks: the CSS class, the sign and the words."""
NAMES = {"tuned": "Tuned", "base": "Base", "bm25": "BM25"}
_ROOM = 0.03  # the default of evaluate.verdict.max_general_drop


def hero(run: RunContents) -> Html:
    """The verdict: badge, sentence and the numbers behind it."""
    said = str(run.verdict.get("verdict", ""))
    look, sign, words = BADGES.get(said, ("open", "?", said or "No verdict"))
    badge = element("span", element("span", sign, aria_hidden="true", class_="sign"), words, class_=f"badge {look}")
    return element(
        "section",
        element("div", badge, element("p", prose(_sentence(run, words)), class_="sentence"), class_="said"),
        element("div", _tiles(run), class_="tiles"),
        class_=f"card hero {look}",
        id="verdict",
    )


def _sentence(run: RunContents, words: str) -> str:
    """The verdict's sentence without the word that the badge shows already, the measure as people write it."""
    sentence = str(run.verdict.get("sentence") or "")
    if sentence.lower().startswith(f"{words.lower()}: "):
        sentence = sentence[len(words) + 2 :]
    return sentence.replace(run.measure, label(run.measure)) if run.measure else sentence


def _tiles(run: RunContents) -> list[Html]:
    verdict, ends = run.verdict, mapping(run.verdict.get("intervals"))
    bm25 = number(verdict.get("bm25"))
    tiles = [
        tile(f"Base · {label(run.measure)}", score(number(verdict.get("base"))), _range(ends.get("base"))),
        tile(f"Tuned · {label(run.measure)}", score(number(verdict.get("tuned"))), _range(ends.get("tuned")), "lead"),
        tile("Difference", signed(number(verdict.get("difference"))), _range(verdict.get("interval"), sign=True)),
    ]
    if bm25 is not None:
        tiles.append(tile(f"BM25 · {label(run.measure)}", score(bm25), _range(ends.get("bm25"))))
    return tiles


def _range(value: object, *, sign: bool = False) -> str | None:
    ends = interval(value)
    say = signed if sign else score
    return None if ends is None else f"{say(ends[0])} to {say(ends[1])}"


def before_after(run: RunContents) -> Html:
    """Base, tuned, any further models and BM25 as bars with whiskers."""
    ends = mapping(run.verdict.get("intervals"))
    scores = {model: number(run.verdict.get(model)) for model in ("base", "tuned")}
    scores |= {model: run.measured(model, run.measure) for model in run.others()}
    scores["bm25"] = number(run.verdict.get("bm25"))
    bars = [
        Bar(NAMES.get(model, model), model if model in NAMES else "other", value, interval(ends.get(model)))
        for model, value in scores.items()
        if value is not None
    ]
    target = number(mapping(mapping(run.verdict.get("targets")).get(run.measure)).get("target"))
    sure = percent(number(run.verdict.get("confidence")) or 0.95)
    note = f"{label(run.measure)} on test. Whiskers: {sure} bootstrap interval of each score."
    if target is not None:
        note += f" Dashed: the target {score(target)}."
    drawing = score_bars(bars, title=f"{label(run.measure)} before and after", target=target)
    return card("Before and after", drawing, note=note)


def difference(run: RunContents) -> Html | None:
    """The difference against zero, and how far this test can see."""
    value, ends = number(run.verdict.get("difference")), interval(run.verdict.get("interval"))
    if value is None or ends is None:
        return None
    smallest = number(run.verdict.get("smallest_detectable"))
    drawing = difference_strip(value, ends, smallest, title=f"Difference in {label(run.measure)}, tuned minus base")
    note = "Tuned minus base, query by query, with its interval."
    if smallest is not None:
        note += " The grey band holds differences so small that this test would often miss them."
    return card("Is the difference real?", element("div", drawing, class_="strip-box"), _facts(run), note=note)


def _facts(run: RunContents) -> Html:
    p, more = number(run.verdict.get("p")), number(run.verdict.get("queries_to_decide"))
    unit = {"scored": "Pairs", "labelled": "Texts"}.get(str(run.verdict.get("kind")), "Queries")
    facts = [
        (f"{unit} in the test", count(number(run.verdict.get("queries")))),
        ("Smallest detectable difference", score(number(run.verdict.get("smallest_detectable")))),
        ("p (permutation test)", NONE if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"),
    ]
    if (clusters := number(run.verdict.get("clusters"))) is not None:
        facts.insert(1, ("Clusters of shared texts", count(clusters)))
    if more is not None:
        facts.append((f"{unit} that would decide", f"about {count(more)}"))
    return fact_list(facts)


def general(run: RunContents) -> Html | None:
    """General ability before and after, and how far it was allowed to fall."""
    found = mapping(run.verdict.get("general"))
    base, tuned = _general_score(found.get("base")), _general_score(found.get("tuned"))
    if base is None or tuned is None:
        return None
    allowed = number(mapping(mapping(mapping(run.config.get("evaluate")).get("verdict"))).get("max_general_drop"))
    room = _ROOM if allowed is None else allowed
    kept = base - tuned <= room
    bars = [Bar(NAMES["base"], "base", base), Bar(NAMES["tuned"], "tuned", tuned)]
    said = chip("✓ kept" if kept else "✕ fell too far", "good" if kept else "bad")
    line = element("p", said, f" {signed(tuned - base)}; a fall of up to {room:.3g} is allowed.", class_="under-chart")
    note = "Everyday retrieval and similarity that the data did not teach: tuning must not cost what the model knew."
    return card("General ability", score_bars(bars, title="General ability before and after"), line, note=note)


def _general_score(value: object) -> float | None:
    return number(mapping(value).get("score")) if isinstance(value, dict) else number(value)
