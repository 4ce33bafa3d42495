from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.split_data import labelled, numbered, retrieval, scored, sentence, texts_of
from vectune.config import DataConfig, SplitConfig
from vectune.data.check import load_checked
from vectune.data.normal import normal
from vectune.data.read import open_source
from vectune.data.reversals import reversed_pairs
from vectune.data.split import audit_splits, carve_dev, split_dataset
from vectune.data.units import only
from vectune.errors import DataError
from vectune.records import Dataset, Kind, Retrieval, Splits

NOTHING = {"queries": 0, "documents": 0, "near_duplicates": 0}
CONFIG = SplitConfig()
QUERY = st.integers(0, 99).map(lambda i: sentence(i, 3))
DOCUMENT = st.integers(100, 140).map(lambda i: sentence(i, 3))
PAIRS = st.lists(st.tuples(QUERY, DOCUMENT), min_size=20, max_size=40, unique_by=lambda pair: pair[0])


def sides_of(data: Dataset, config: SplitConfig = CONFIG) -> dict[str, str]:
    """Normalised query to the side it is on."""
    splits = split_dataset(data, config, 0.8).splits
    found = {}
    for side in ("train", "dev", "test"):
        part = getattr(splits, side)
        assert isinstance(part, Retrieval)
        found |= dict.fromkeys(texts_of(part), side)
    return found


def test_all_rows_are_on_one_side_in_the_shares_asked_for() -> None:
    """Two thousand separate rows divide 70/10/20, within what hashing can do, and share nothing."""
    data = retrieval(numbered(2_000))
    result = split_dataset(data, CONFIG, 0.8)
    sizes = result.certificate.sizes
    assert sum(sizes.values()) == 2_000
    assert abs(sizes["train"] - 1_400) < 80
    assert abs(sizes["dev"] - 200) < 50
    assert abs(sizes["test"] - 400) < 70
    assert result.certificate.clean
    assert (result.certificate.components, result.certificate.giant, result.notes) == (2_000, None, ())
    assert all(getattr(result.splits, side).corpus is data.corpus for side in sizes)


@settings(deadline=None, max_examples=30)
@given(PAIRS, st.integers(0, 3))
def test_without_a_giant_no_text_is_on_two_sides(pairs: list[tuple[str, str]], seed: int) -> None:
    """Whatever the rows share, the certificate counts nothing unless something had to be cut."""
    result = split_dataset(retrieval(pairs), SplitConfig(seed=seed), 0.8)
    assert result.certificate.clean or result.certificate.giant is not None
    assert sum(result.certificate.sizes.values()) == len({normal(query) for query, _ in pairs})
    assert min(result.certificate.sizes.values()) > 0 or result.certificate.components < 3


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 12), st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=12))
def test_added_rows_move_no_old_ones_but_by_joining(new: int, links: list[tuple[int, int]]) -> None:
    """Old components keep their side; those that new rows join take the side of the first of them."""
    old = numbered(60)
    rows = [*old, *numbered(new, begin=100), *((old[a % 60][0] + " again", old[a % 60][1]) for a, _ in links)]
    before, after = sides_of(retrieval(old)), sides_of(retrieval(rows))
    assert {query: after[query] for query in before} == before
    joined = [*rows, *((f"joins {a} {b}", old[a % 60][1]) for a, b in links[:1])]
    data = retrieval([*joined, *((f"joins {a} {b}", old[b % 60][1]) for a, b in links[:1])])
    moved = sides_of(data)
    touched = {old[links[0][0] % 60][0], old[links[0][1] % 60][0]} if links else set()
    assert {q: side for q, side in moved.items() if q in before and q not in touched} == {
        q: side for q, side in before.items() if q not in touched
    }
    if links:
        first = min(links[0][0] % 60, links[0][1] % 60)
        assert {moved[query] for query in touched} == {before[old[first][0]]}


def test_seeds_change_the_split_and_equal_seeds_do_not() -> None:
    """Deterministic, and yet free to be drawn anew."""
    data = retrieval(numbered(100))
    assert sides_of(data) == sides_of(data)
    assert sides_of(data) != sides_of(data, SplitConfig(seed=1))


@pytest.mark.parametrize("count", [3, 4, 5, 7])
@pytest.mark.parametrize("seed", range(5))
def test_tiny_data_gets_all_three_sides(count: int, seed: int) -> None:
    """From three components on nobody goes without, whatever the hash says."""
    certificate = split_dataset(labelled([sentence(i) for i in range(count)]), SplitConfig(seed=seed), 0.8).certificate
    assert min(certificate.sizes.values()) >= 1
    assert certificate.clean
    assert certificate.giant is None


def test_two_components_leave_dev_empty_and_say_so() -> None:
    """Train and test come first."""
    result = split_dataset(labelled([sentence(1), sentence(2), sentence(1) + " end"]), CONFIG, 0.8)
    assert result.certificate.sizes["dev"] == 0
    assert result.certificate.sizes["train"] + result.certificate.sizes["test"] == 3
    assert any("dev is empty" in note for note in result.notes)
    assert any("test has" in note for note in result.notes)


@pytest.mark.parametrize("texts", [[], ["a b c"], [sentence(1), sentence(1) + " end"]])
def test_what_can_not_be_divided_is_refused(texts: list[str]) -> None:
    """No row, one row, or two that are nearly the same."""
    with pytest.raises(DataError, match="can't be divided"):
        split_dataset(labelled(texts), CONFIG, 0.8)


def test_a_giant_is_cut_and_its_overlap_counted() -> None:
    """All rows share one document: the sides get their shares, and the shared document is on the certificate."""
    data = retrieval([(query, "the one answer") for query, _ in numbered(400)])
    result = split_dataset(data, CONFIG, 0.8)
    certificate = result.certificate
    assert certificate.giant == {"rows": 400, "share": 1.0, "links_cut": 24}
    assert certificate.overlaps["train/test"] == {**NOTHING, "documents": 1}
    assert not certificate.clean
    assert any("cut into pieces of at most 16 rows at the 24 weakest links" in note for note in result.notes)
    assert any("train/test share 1 document" in note for note in result.notes)
    assert certificate.sizes["test"] >= 20


def test_rows_added_beside_a_giant_move_no_old_ones() -> None:
    """The pieces of a giant keep their size, and so their sides, while the rows stay between two powers of two."""
    giant = [(query, "the one answer") for query, _ in numbered(400)]
    before = sides_of(retrieval(giant))
    after = sides_of(retrieval([*giant, *numbered(100, begin=1000)]))
    assert {query: after[query] for query in before} == before
    assert set(before.values()) == {"train", "dev", "test"}


def test_a_giant_without_its_leaks_is_clean() -> None:
    """With fix_leaks, train loses the judgements that dev and test share with it, even after a cut."""
    pairs = [(query, "the one answer") for query, _ in numbered(40)] + numbered(60, begin=100)
    extra = [(query, f"own answer{i} only{i}") for i, (query, _) in enumerate(numbered(40))]
    certificate = split_dataset(retrieval(pairs + extra), SplitConfig(fix_leaks=True), 0.8).certificate
    assert certificate.giant is not None
    assert certificate.clean
    assert certificate.removed > 0


def test_a_giant_whose_train_would_vanish_is_refused() -> None:
    """One answer to everything leaves no leak-proof training data."""
    data = retrieval([(query, "the one answer") for query, _ in numbered(40)])
    with pytest.raises(DataError, match="nothing is left of train"):
        split_dataset(data, SplitConfig(fix_leaks=True), 0.8)


def test_near_duplicates_hold_rows_together() -> None:
    """Fifty queries with a near copy each: every copy is where its original is."""
    originals = [(sentence(i), f"answer{i} one{i}") for i in range(50)]
    copies = [(query + " please", f"reply{i} two{i}") for i, (query, _) in enumerate(originals)]
    sides = sides_of(retrieval(originals + copies))
    assert all(sides[query] == sides[query + " please"] for query, _ in originals)


def test_no_pair_of_test_was_trained_on_in_either_order() -> None:
    """Two hundred duplicate questions, each asked both ways: both orders are on one side, and no giant arises."""
    pairs = [(f"question{i} asked{i}", f"query{i} posed{i}") for i in range(200)]
    result = split_dataset(retrieval([*pairs, *((b, a) for a, b in pairs)]), CONFIG, 0.8)
    assert (result.certificate.components, result.certificate.giant) == (200, None)
    assert result.certificate.clean
    splits = result.splits
    for first, second in ((splits.train, splits.test), (splits.train, splits.dev), (splits.dev, splits.test)):
        assert reversed_pairs(second, first) == frozenset()


def test_wrong_negatives_leave_train_and_are_counted() -> None:
    """No query of train pushes away what a query of dev or test asks for."""
    pairs = numbered(30)
    negatives = {query: tuple(document for _, document in pairs if document != own) for query, own in pairs}
    result = split_dataset(retrieval(pairs, negatives), CONFIG, 0.8)
    train = result.splits.train
    assert isinstance(train, Retrieval)
    sizes = result.certificate.sizes
    assert result.certificate.removed == sizes["train"] * (sizes["dev"] + sizes["test"])
    assert all(len(ids) == sizes["train"] - 1 for ids in train.negatives.values())


def official(seed: int = 0) -> Splits:
    data = retrieval([*numbered(10), ("test asks", "answer3 given3"), ("ends", "own text of the test")])
    return Splits(only(data, range(8)), only(data, range(8, 10)), only(data, range(10, 12)))


def test_official_splits_are_kept_and_their_leaks_told() -> None:
    """Nothing moves; the shared document is counted, with the option that removes it."""
    splits = official()
    result = audit_splits(splits, CONFIG, 0.8)
    assert result.splits == splits
    assert result.certificate.method == "official"
    assert result.certificate.overlaps == {
        "train/dev": NOTHING,
        "train/test": {**NOTHING, "documents": 1},
        "dev/test": NOTHING,
    }
    assert any("--fix-leaks" in note for note in result.notes)


def test_a_search_cut_short_is_on_the_certificate() -> None:
    """Sixteen thousand texts of one template are not compared with all that look like them, and that is told."""
    texts = [f"what are the symptoms of disease number {i} {i * 7919 % 100_003}" for i in range(16_500)]
    splits = Splits(labelled(texts[:500]), labelled([]), labelled(texts[500:]))
    result = audit_splits(splits, CONFIG, 0.8)
    assert result.certificate.uncompared.keys() == {"train/test"}
    (note,) = (note for note in result.certificate.notes if "to be compared with all" in note)
    assert f"{result.certificate.uncompared['train/test']:,} texts of test look like too many of train" in note
    assert audit_splits(official(), CONFIG, 0.8).certificate.uncompared == {}


def test_fixed_leaks_are_gone_and_counted() -> None:
    """Train loses the query whose only document test has; dev and test stay."""
    splits = official()
    result = audit_splits(splits, SplitConfig(fix_leaks=True), 0.8)
    assert result.certificate.clean
    assert (result.certificate.sizes, result.certificate.removed) == ({"train": 7, "dev": 2, "test": 2}, 1)
    assert result.splits.test == splits.test


def test_wrong_negatives_of_official_splits_are_told_and_removed_on_request() -> None:
    """Kept means kept, unless the user asks."""
    data = retrieval(numbered(3), {"question0 asked0": ("answer2 given2", "fine")})
    splits = Splits(only(data, [0]), only(data, [1]), only(data, [2]))
    told = audit_splits(splits, CONFIG, 0.8)
    assert told.splits == splits
    assert any("1 negative of train is relevant" in note for note in told.notes)
    fixed = audit_splits(splits, SplitConfig(fix_leaks=True), 0.8).splits.train
    assert isinstance(fixed, Retrieval)
    assert [fixed.corpus[d] for d in fixed.negatives["q1"]] == ["fine"]


def test_official_splits_need_train_and_test_and_a_rest_of_train() -> None:
    """Empty sides are refused, before and after leaks are removed."""
    data = retrieval(numbered(2))
    with pytest.raises(DataError, match="test split is empty"):
        audit_splits(Splits(data, only(data, ()), only(data, ())), CONFIG, 0.8)
    with pytest.raises(DataError, match="nothing is left of train"):
        audit_splits(Splits(data, only(data, ()), data), SplitConfig(fix_leaks=True), 0.8)


@pytest.mark.parametrize("make", [lambda n: retrieval(numbered(n)), lambda n: scored(numbered(n))])
def test_dev_is_carved_out_of_train_by_components(make: object) -> None:
    """An eighth of train becomes dev; nothing is lost and nothing shared."""
    data = make(400)  # type: ignore[operator]
    train, dev = carve_dev(data, CONFIG, 0.8)
    assert len(train) + len(dev) == 400
    assert abs(len(dev) - 50) < 25
    assert audit_splits(Splits(train, dev, dev), CONFIG, 0.8).certificate.overlaps["train/dev"] == NOTHING


def test_dev_can_be_carved_out_of_a_train_that_was_split_by_hash() -> None:
    """The second draw has nothing to do with the first."""
    train = split_dataset(retrieval(numbered(400)), CONFIG, 0.8).splits.train
    assert len(carve_dev(train, CONFIG, 0.8)[1]) > 10


def test_no_dev_is_carved_for_a_share_of_nothing() -> None:
    """A share of 0 is taken at its word."""
    data = retrieval(numbered(20))
    train, dev = carve_dev(data, SplitConfig(shares=(0.8, 0.0, 0.2)), 0.8)
    assert train is data
    assert len(dev) == 0
    assert split_dataset(data, SplitConfig(shares=(0.8, 0.0, 0.2)), 0.8).certificate.sizes["dev"] == 0


def test_kinds_survive_splitting() -> None:
    """Triplets stay triplets on every side."""
    data = replace(retrieval(numbered(20), {q: ("a wrong one",) for q, _ in numbered(20)}), kind=Kind.TRIPLETS)
    splits = split_dataset(data, CONFIG, 0.8).splits
    assert {splits.train.kind, splits.dev.kind, splits.test.kind} == {Kind.TRIPLETS}


@pytest.mark.parametrize("name", ["tldr_de", "scifact", "covid_faq_multi", "stsb_en/test.jsonl"])
def test_real_data_splits_without_leaks(name: str, shared_data: Path) -> None:
    """Templates, shared abstracts and paraphrases: the recounted certificate is clean."""
    data = load_checked(open_source(str(shared_data / name), DataConfig()), DataConfig()).data
    result = split_dataset(data, CONFIG, 0.8)
    assert result.certificate.clean or result.certificate.giant is not None
    assert sum(result.certificate.sizes.values()) == len(data)


def test_real_official_splits_are_audited(shared_data: Path) -> None:
    """SciFact's train and test share 152 relevant abstracts, as its description says."""
    source = open_source(str(shared_data / "scifact"), DataConfig())
    parts = {split: load_checked(source, DataConfig(), split=split).data for split in source.splits}
    splits = Splits(**parts)
    assert audit_splits(splits, CONFIG, 0.8).certificate.overlaps["train/test"]["documents"] == 152
    fixed = audit_splits(splits, SplitConfig(fix_leaks=True), 0.8)
    assert fixed.certificate.clean
    assert len(fixed.splits.train) > 400
