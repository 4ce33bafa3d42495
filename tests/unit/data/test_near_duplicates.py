from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.word_pair_oracle import jaccard
from vectune.data.near_duplicates import NearDuplicates, near_duplicate_pairs, near_duplicates_between

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=1, max_size=14)
TEXTS = st.lists(WORDS.map(" ".join), max_size=12)


def changed(text: str, place: int, word: str = "other") -> str:
    words = text.split()
    words[place] = word
    return " ".join(words)


def sentence(drawn: random.Random, words: int = 40) -> str:
    return " ".join(str(drawn.randrange(10_000)) for _ in range(words))


@settings(deadline=None)
@given(TEXTS, st.sampled_from([0.5, 0.8, 1.0]))
def test_every_pair_given_is_near_and_its_jaccard_exact(texts: list[str], threshold: float) -> None:
    """There are no false pairs."""
    for left, right, similar in near_duplicate_pairs(texts, threshold):
        assert left < right
        assert similar == pytest.approx(jaccard(texts[left], texts[right]))
        assert similar >= threshold


@settings(deadline=None)
@given(TEXTS)
def test_pairs_form_a_forest(texts: list[str]) -> None:
    """A cluster of n texts gives at most n - 1 pairs."""
    assert len(near_duplicate_pairs(texts, 0.5)) <= max(0, len(texts) - 1)


def test_nearly_all_planted_pairs_are_found_and_nothing_else() -> None:
    """Recall on pairs well above the threshold is complete; unrelated texts are never paired."""
    drawn = random.Random(1)
    texts = [sentence(drawn) for _ in range(300)]
    planted = {(i, 300 + i) for i in range(300)}
    texts += [changed(text, 20) for text in texts]
    found = {(left, right) for left, right, _ in near_duplicate_pairs(texts, 0.8)}
    assert found <= planted
    assert len(found) >= 298


def test_pairs_just_under_the_threshold_are_refused() -> None:
    """Candidates are compared exactly, so the threshold is sharp."""
    text = " ".join(map(str, range(21)))  # 22 pairs; one changed word leaves 20 of 24 shared
    other = changed(text, 10)
    similar = jaccard(text, other)
    assert near_duplicate_pairs([text, other], similar) == [(0, 1, pytest.approx(20 / 24))]
    assert near_duplicate_pairs([text, other], similar + 0.001) == []


def test_a_cluster_is_linked_to_its_first_member() -> None:
    """Forty copies give thirty-nine pairs, not seven hundred and eighty."""
    assert near_duplicate_pairs(["same text"] * 40, 0.8) == [(0, i, 1.0) for i in range(1, 40)]


def test_texts_are_normalised_and_texts_without_words_have_no_duplicates() -> None:
    """Case, width, spaces and sentence marks do not part texts; two rows of dots are not alike."""
    assert near_duplicate_pairs(["Ｈello  World", "hello, world!", "...", "..."], 0.8) == [(0, 1, 1.0)]


def test_a_large_bucket_of_unlike_texts_still_gives_up_its_pairs() -> None:
    """Templates put thousands of texts in a bucket; planted copies are found there and nothing false."""
    texts = [f"what are the symptoms of disease number {i} {i * 7919 % 10_007}" for i in range(3_000)]
    texts[2_500] = texts[17] + "?"
    assert [(left, right) for left, right, _ in near_duplicate_pairs(texts, 0.8)] == [(17, 2_500)]


def symptoms(numbers: range) -> list[str]:
    """Texts of one template, none near to another."""
    return [f"what are the symptoms of disease number {i} {i * 7919 % 100_003}" for i in numbers]


def test_texts_that_are_not_compared_with_all_alike_are_counted() -> None:
    """Where a template makes buckets larger than the budget, the search says so; with budget enough it is complete."""
    texts = symptoms(range(600))
    for budget, complete in ((1_000, False), (1_000_000, True)):
        with NearDuplicates(0.8, most_compared=budget) as index:
            index.add(texts)
            links = index.links()
            matches = index.matches(np.arange(500, 600), np.arange(500))
        assert (len(links), (matches.found >= 0).sum()) == (0, 0)
        assert (links.unfinished == 0) is complete
        assert (matches.unfinished == 0) is complete


def test_a_text_that_found_its_partner_is_finished() -> None:
    """Whatever else of its bucket was not compared, a match is a match."""
    texts = symptoms(range(600))
    with NearDuplicates(0.8, most_compared=1) as index:
        index.add(texts + texts[:100])
        matches = index.matches(np.arange(600, 700), np.arange(600))
    assert (matches.found >= 0).all()
    assert matches.unfinished == 0


def test_between_finds_each_text_a_partner_on_the_other_side_only() -> None:
    """Neighbours on one's own side do not count."""
    drawn = random.Random(2)
    base = [sentence(drawn) for _ in range(6)]
    texts = [changed(base[0], 3), base[1], sentence(drawn), changed(base[2], 30), changed(base[2], 31)]
    assert near_duplicates_between(texts, base, 0.8).found.tolist() == [0, 1, -1, 2, 2]
    assert near_duplicates_between(texts, [], 0.8).found.tolist() == [-1] * 5
    assert near_duplicates_between([], base, 0.8).found.tolist() == []


@settings(deadline=None, max_examples=30)
@given(TEXTS, TEXTS)
def test_between_agrees_with_comparing_all(texts: list[str], others: list[str]) -> None:
    """No match is false, and every equal text is matched."""
    for text, match in zip(texts, near_duplicates_between(texts, others, 0.8).found.tolist(), strict=True):
        if match >= 0:
            assert jaccard(text, others[match]) >= 0.8
        else:
            assert text not in others


def test_streaming_in_blocks_and_on_disk_gives_the_same_links(tmp_path: Path) -> None:
    """Neither block borders nor the temporary file change what is found."""
    drawn = random.Random(4)
    texts = [sentence(drawn, 20) for _ in range(100)]
    texts += [changed(text, 0) for text in texts]
    found = []
    for folder, block in ((None, 200), (tmp_path, 7)):
        with NearDuplicates(0.8, folder) as index:
            for begin in range(0, len(texts), block):
                index.add(texts[begin : begin + block])
            links = index.links()
        found.append(sorted(zip(links.left.tolist(), links.right.tolist(), links.jaccard.tolist(), strict=True)))
    assert found[0] == found[1]
    assert len(found[0]) >= 98


def test_long_texts_are_hashed_in_parts_with_the_same_result() -> None:
    """A block of 8 million characters gives what its texts give one by one."""
    base = sentence(random.Random(5), 100_000)
    texts = [f"{i} {base}" for i in range(16)]
    found = []
    for block in (16, 1):
        with NearDuplicates(0.8) as index:
            for begin in range(0, len(texts), block):
                index.add(texts[begin : begin + block])
            links = index.links()
            found.append((links.left.tolist(), links.right.tolist(), links.jaccard.tolist(), index.words().tolist()))
    assert found[0] == found[1]
    assert found[0][1] == list(range(1, 16))


def test_memory_for_a_block_follows_no_length_of_its_texts() -> None:
    """Twice as many long texts at once take little more than once as many."""
    text = sentence(random.Random(6), 100_000)
    peaks = []
    for count in (10, 20):
        with NearDuplicates(0.8) as index:
            tracemalloc.start()
            index.add([text] * count)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_links_can_be_kept_to_some_of_the_texts() -> None:
    """Texts that are not asked about are left out."""
    with NearDuplicates(0.8) as index:
        index.add(["a b c"] * 4)
        links = index.links(np.array([1, 3]))
    assert (links.left.tolist(), links.right.tolist()) == ([1], [3])


def test_an_empty_index_has_no_links() -> None:
    """Nothing in, nothing out."""
    with NearDuplicates(0.8) as index:
        assert len(index.links()) == 0
