from __future__ import annotations

import pytest

from tests.unit.report.conftest import MakeRun
from tests.unit.report.outline import Outline
from vectune.report.judgement import before_after, difference, general, hero


@pytest.mark.parametrize(
    ("verdict", "look", "words"),
    [
        ("ship", "good", "Ship"),
        ("do not ship", "bad", "Do not ship"),
        ("undecided", "open", "Undecided"),
        ("odd", "open", "odd"),
    ],
)
def test_verdict_is_said_in_words_and_colour(make_run: MakeRun, verdict: str, look: str, words: str) -> None:
    """The badge has the verdict's look and its words, so that no colour is needed to read it."""
    outline = Outline(hero(make_run(changes={"verdict": verdict})))
    assert len(outline.all("span", class_=f"badge {look}")) == 1
    assert words in outline.texts


def test_hero_has_the_numbers_with_intervals(make_run: MakeRun) -> None:
    """Base, tuned, difference and BM25 stand there with what surrounds them."""
    text = Outline(hero(make_run())).text
    for part in ("0.344", "0.512", "+0.168", "0.391", "0.311 to 0.377", "+0.139 to +0.197"):
        assert part in text


def test_sentence_does_not_repeat_the_badge(make_run: MakeRun) -> None:
    """The word that the badge shows is cut from the sentence, and the measure is written as people do."""
    assert "nDCG@10 goes from 0.344" in Outline(hero(make_run())).texts[2]


def test_hero_without_bm25_has_three_numbers(make_run: MakeRun) -> None:
    """Scored pairs have no BM25, so no empty tile stands there."""
    outline = Outline(hero(make_run(kind="scored")))
    assert "BM25" not in outline.text
    assert len(outline.all("div", class_="tile-value")) == 3


def test_bars_show_every_model(make_run: MakeRun) -> None:
    """A model named with --against has its bar beside the usual three."""
    measures = {model: {"384": {"ndcg@10": 0.3}} for model in ("base", "tuned", "rival")}
    outline = Outline(before_after(make_run(changes={"measures": measures})))
    assert {"Base", "Tuned", "rival", "BM25"} <= set(outline.texts)
    assert len(outline.all("rect", class_="bar other")) == 1


def test_difference_tells_what_would_decide(make_run: MakeRun) -> None:
    """When nothing is decided, the number of queries that would decide is there; the units fit the kind."""
    text = Outline(difference(make_run(changes={"queries_to_decide": 1800, "p": 0.21})) or "").text
    assert "Queries that would decide about 1,800" in text
    assert "0.210" in text
    assert "Pairs in the test" in Outline(difference(make_run(kind="scored")) or "").text


def test_difference_tells_the_clusters_where_units_share_texts(make_run: MakeRun) -> None:
    """Their number stands beside that of the queries; a run in which nothing is shared has no word about them."""
    text = Outline(difference(make_run(changes={"clusters": 60})) or "").text
    assert "Queries in the test 428 Clusters of shared texts 60" in text
    assert "Clusters" not in Outline(difference(make_run()) or "").text


def test_difference_needs_an_interval(make_run: MakeRun) -> None:
    """Without an interval there is nothing to draw."""
    assert difference(make_run(changes={"interval": None})) is None


@pytest.mark.parametrize(("tuned", "said"), [(0.864, "kept"), (0.70, "fell too far")])
def test_general_ability_is_held_against_what_is_allowed(make_run: MakeRun, tuned: float, said: str) -> None:
    """A fall within the run's own limit is kept, one beyond it is not."""
    text = Outline(general(make_run(changes={"general": {"base": 0.871, "tuned": tuned}})) or "").text
    assert said in text
    assert "up to 0.03" in text


def test_general_ability_unmeasured_is_left_out(make_run: MakeRun) -> None:
    """No card claims what was not measured; scores in parts are read too."""
    assert general(make_run(changes={"general": None})) is None
    parts = {"base": {"score": 0.8}, "tuned": {"score": 0.9}}
    assert general(make_run(changes={"general": parts})) is not None
