"""Token stores and micro-batches."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vectune.encode.tokens import Indices, concatenate, even_cuts, micro_batches, pack, spread

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 2000))
def test_every_text_is_in_one_micro_batch_within_the_budget(lengths: list[int], budget: int) -> None:
    """No text is lost or doubled, and rows x longest stays within the budget unless one text alone is over it."""
    batches = list(micro_batches(np.array(lengths), budget))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


@given(LENGTHS, st.integers(1, 2000), st.integers(0, 2**32 - 1))
def test_groups_are_never_mixed(lengths: list[int], budget: int, seed: int) -> None:
    """Texts with different prompt lengths go through the model apart, and still none is lost."""
    groups = np.random.default_rng(seed).integers(0, 3, size=len(lengths))
    batches = list(micro_batches(np.array(lengths), budget, groups))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(len(set(groups[batch].tolist())) == 1 for batch in batches)


@given(LENGTHS, st.integers(1, 2000), st.integers(1, 200))
def test_cheapest_cuts_cost_no_more_than_full_ones(lengths: list[int], budget: int, overhead: int) -> None:
    """With a price for each micro-batch nothing is lost, the budget holds, and padding and price together are lower."""
    sizes = np.array(lengths)

    def cost(batches: list[Indices]) -> int:
        return sum(len(batch) * int(sizes[batch].max()) + overhead for batch in batches)

    cut = list(micro_batches(sizes, budget, overhead=overhead))
    assert sorted(np.concatenate(cut).tolist()) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * sizes[batch].max() <= budget for batch in cut)
    assert cost(cut) <= cost(list(micro_batches(sizes, budget)))


def test_cuts_fall_where_lengths_change() -> None:
    """Short texts are not padded to the length of one long text before them."""
    cut = micro_batches(np.array([10] * 20 + [200]), 1000, overhead=64)
    assert [len(batch) for batch in cut] == [1, 20]


def test_padding_is_on_the_right_and_masked() -> None:
    """Rows are padded to the longest of those asked for."""
    tokens = pack([[5, 6], [7], [8, 9, 10]])
    ids, mask = tokens.padded(np.array([1, 0]), pad_id=0)
    assert ids.tolist() == [[7, 0], [5, 6]]
    assert mask.tolist() == [[1, 0], [1, 1]]


def test_concatenation_keeps_texts_and_prompt_lengths() -> None:
    """Two stores one after the other give back the same texts."""
    both = concatenate([pack([[1], [2, 3]], prompt_length=1), pack([[4]])])
    assert [both.ids[both.offsets[i] : both.offsets[i + 1]].tolist() for i in range(3)] == [[1], [2, 3], [4]]
    assert both.prompt_lengths.tolist() == [1, 1, 0]


@given(LENGTHS, st.randoms(use_true_random=False))
def test_selected_texts_are_those_asked_for(lengths: list[int], draw: random.Random) -> None:
    """Any rows in any order; all rows in order are the tokens themselves."""
    tokens = pack([[row * 1000 + place for place in range(length)] for row, length in enumerate(lengths)])
    rows = np.array([draw.randrange(len(lengths)) for _ in range(5)])
    found = tokens.select(rows)
    assert found.lengths.tolist() == [lengths[row] for row in rows]
    assert found.ids.tolist() == [row * 1000 + place for row in rows for place in range(lengths[row])]
    assert tokens.select(np.arange(len(lengths))) is tokens
    assert concatenate([tokens]) is tokens


@given(LENGTHS, st.integers(1, 4), st.integers(20, 2000), st.integers(0, 100))
def test_even_cuts_hold_every_text_once_within_the_budget(
    lengths: list[int], workers: int, budget: int, overhead: int
) -> None:
    """No micro-batch is over the budget but a text alone, and each worker has as many while there are texts."""
    sizes = np.array(lengths)
    parts = even_cuts(sizes, workers, budget, overhead)
    assert sorted(int(row) for part in parts for row in part) == list(range(len(lengths)))
    assert all(len(part) * sizes[part].max() <= budget or len(part) == 1 for part in parts)
    assert len(parts) % workers == 0 or len(parts) == len(lengths)


def test_even_cuts_leave_no_worker_the_rest() -> None:
    """Two workers get two micro-batches of about equal size, not two full ones and what is left over."""
    sizes = np.array([10] * 30 + [30] * 5)
    parts = even_cuts(sizes, 2, 1024, overhead=1000)
    held = [len(part) * int(sizes[part].max()) for part in parts]
    assert len(parts) == 2
    assert max(held) < 1.4 * min(held)


def test_even_cuts_are_more_where_padding_costs_more() -> None:
    """Where one more micro-batch costs less than what it saves of padding, there are more."""
    sizes = np.arange(10, 210, 2)
    assert len(even_cuts(sizes, 2, 100_000, overhead=100_000)) == 2
    assert len(even_cuts(sizes, 2, 100_000, overhead=10)) > 2


def test_even_cuts_of_nothing() -> None:
    """No texts, no micro-batches."""
    assert even_cuts(np.array([], dtype=np.int64), 2, 1024, 64) == []


@given(st.integers(0, 500))
def test_spread_has_every_number_once_the_first_first(number: int) -> None:
    """Nothing is left out or doubled."""
    found = spread(number).tolist()
    assert sorted(found) == list(range(number))
    assert found[:1] == [0][:number]


@given(st.integers(100, 3000), st.floats(0.1, 0.9))
def test_the_beginning_of_spread_is_a_fair_sample(number: int, share: float) -> None:
    """What is done after a share of them lies as high on average as all do, and a quarter of it in each quarter, but
    for a number or three; of numbers in their own order none would lie in the last quarter for long."""
    begun = spread(number)[: int(share * number)]
    assert abs(begun.mean() / number - 0.5) < 0.02 + 1 / len(begun)
    assert np.histogram(begun, 4, (0, number))[0].min() > 0.25 * len(begun) - 3
