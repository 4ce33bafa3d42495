"""How texts are cut to fit: every text once, within the limits, by the settings alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vectune.config import TrainConfig
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens
from vectune.train.room import Room, bytes_per_token, room_for

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 200), st.integers(1, 800))
def test_each_text_is_in_one_place_and_no_place_is_too_full(lengths: list[int], micro: int, kept: int) -> None:
    """Micro-batches and groups keep their limits, but for a text that is alone in its own."""
    sizes = np.array(lengths, dtype=np.int64)
    groups = Room(micro, kept).groups(sizes, np.zeros_like(sizes))
    assert sorted(int(i) for group in groups for part in group for i in part) == list(range(len(sizes)))
    for group in groups:
        held = [len(part) * int(sizes[part].max()) for part in group]
        assert all(
            tokens <= min(micro, max(kept // 2, 1)) or len(part) == 1 for tokens, part in zip(held, group, strict=True)
        )
        assert sum(held) <= (kept if len(groups) == 1 else max(kept // 2, 1)) or len(group) == 1
    assert all(groups)


def test_a_batch_of_many_rooms_keeps_less_at_a_time() -> None:
    """Up to eight rooms groups are of half a room, beyond of a quarter: what is not computed twice counts little."""
    for count, tokens in ((8, 500), (9, 250)):
        sizes = np.full(count * 100, 10, dtype=np.int64)
        groups = Room(100, 1000).groups(sizes, np.zeros_like(sizes))
        assert {sum(len(part) for part in group) * 10 for group in groups[:-1]} <= {tokens, tokens - 50}


@given(LENGTHS, st.integers(1, 200), st.integers(1, 20))
def test_few_long_texts_may_take_twice_the_room(lengths: list[int], micro: int, few: int) -> None:
    """Only micro-batches of so few texts are larger than the others, and never more than twice."""
    sizes = np.array(lengths, dtype=np.int64)
    groups = Room(micro, 4 * micro, few).groups(sizes, np.zeros_like(sizes))
    for part in (part for group in groups for part in group):
        held = len(part) * int(sizes[part].max())
        assert held <= micro or len(part) == 1 or (len(part) <= few and held <= 2 * micro)


def test_eight_long_texts_go_together() -> None:
    """By default, on a CPU: eight texts of 250 tokens are one micro-batch, short ones are cut as ever."""
    long, short = np.full(16, 250, dtype=np.int64), np.full(200, 20, dtype=np.int64)
    room = Room(1024, 100_000, few_texts=8)
    assert [len(part) for part in room.groups(long, np.zeros_like(long))[0]] == [8, 8]
    assert max(len(part) for part in room.groups(short, np.zeros_like(short))[0]) <= 1024 // 20


@given(LENGTHS, st.integers(2, 4), st.integers(1, 8))
def test_there_is_work_for_all_that_work_at_once(lengths: list[int], at_once: int, few: int) -> None:
    """No micro-batch of several texts holds more than a part for each; texts, and places in shares, come once."""
    sizes = np.array(lengths, dtype=np.int64)
    room = Room(100, 100_000, few, at_once)
    (group,) = room.groups(sizes, np.zeros_like(sizes))
    assert sorted(int(i) for part in group for i in part) == list(range(len(sizes)))
    assert len(group) >= min(2, len(sizes))
    part_of_each = int(sizes.sum()) // at_once
    most = 200 if part_of_each >= 100 else part_of_each
    assert all(len(part) * int(sizes[part].max()) <= most or len(part) == 1 for part in group)
    shares = room.shares(group, sizes)
    assert len(shares) == at_once
    assert sorted(place for share in shares for place in share) == list(range(len(group)))


def test_long_texts_are_cut_so_that_nobody_waits() -> None:
    """Three micro-batches of eight long texts would leave one of two without work at the end: six of four do not."""
    long = np.full(24, 250, dtype=np.int64)
    parts = {n: Room(1024, 100_000, 8, n).groups(long, np.zeros_like(long))[0] for n in (1, 2)}
    assert [len(part) for part in parts[1]] == [8, 8, 8]
    assert [len(part) for part in parts[2]] == [4] * 6


@given(LENGTHS)
def test_a_batch_that_fits_is_one_group(lengths: list[int]) -> None:
    """What fits as a whole is not cut into groups; the longest texts come first."""
    sizes = np.array(lengths, dtype=np.int64)
    (group,) = Room(60, 2 * 60 * 80).groups(sizes, np.zeros_like(sizes))
    order = [int(sizes[i]) for part in group for i in part]
    assert order == sorted(lengths, reverse=True)


def test_halving_ends_with_one_text_at_a_time() -> None:
    """However often it is halved, a room holds at least one text."""
    room = Room(2048, 100_000)
    for _ in range(40):
        room = room.halved()
    groups = room.groups(np.array([3, 5, 4]), np.zeros(3, dtype=np.int64))
    assert [len(part) for group in groups for part in group] == [1, 1, 1]
    assert room.halvings == 40
    assert room.checkpointed().everything_checkpointed


def tokens_of(encoder: SentenceEncoder, words: int) -> Tokens:
    return encoder.tokenize(["red1 " * words, "red1"])


def test_bytes_of_a_token_come_from_the_model(tiny_model_folder: Path) -> None:
    """They are of the size that two layers of 32 values need, and the text's length hardly matters."""
    encoder = load_encoder(str(tiny_model_folder))
    config = TrainConfig(precision="fp32")
    found = bytes_per_token(encoder, tokens_of(encoder, 40), config)
    assert 2 * 10 * 32 * 4 < found < 2 * 60 * 32 * 4
    assert abs(bytes_per_token(encoder, tokens_of(encoder, 20), config) / found - 1) < 0.2
    assert bytes_per_token(encoder, encoder.tokenize([]), config) == 0


def test_room_follows_the_settings_and_nothing_of_the_moment(tiny_model_folder: Path) -> None:
    """Twice the memory is twice the room; asked again, with other memory in use, the answer is the same."""
    encoder = load_encoder(str(tiny_model_folder))
    tokens = tokens_of(encoder, 40)
    small, large = (room_for(encoder, tokens, TrainConfig(activation_gib=gib)) for gib in (0.5, 1.0))
    ballast = torch.ones(4_000_000)
    again = room_for(encoder, tokens, TrainConfig(activation_gib=0.5))
    assert again == small
    assert abs(large.kept_tokens - 2 * small.kept_tokens) <= 1
    assert room_for(encoder, tokens, TrainConfig()).kept_tokens > large.kept_tokens
    asked = room_for(encoder, tokens, TrainConfig(micro_batch_tokens=512))
    assert (asked.micro_batch_tokens, asked.few_texts) == (512, 1)
    assert ballast.sum() > 0


def test_trying_leaves_no_trace(tiny_model_folder: Path) -> None:
    """Neither gradients nor random numbers change by working out the room."""
    encoder = load_encoder(str(tiny_model_folder))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    room_for(encoder, tokens_of(encoder, 40), TrainConfig())
    assert torch.equal(torch.rand(3), expected)
    assert all(weight.grad is None for weight in encoder.model.parameters())


class Full(SentenceEncoder):
    """A device without any memory left."""

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_a_device_too_small_to_try_gets_the_least(tiny_model_folder: Path) -> None:
    """Out of memory in the try: one text at a time."""
    encoder = Full(load_encoder(str(tiny_model_folder)).model, "full")
    assert room_for(encoder, tokens_of(encoder, 40), TrainConfig()).kept_tokens == 1
