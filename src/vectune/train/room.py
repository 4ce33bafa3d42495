"""How much of a step is kept in memory at once: micro-batches, and groups of them whose activations stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vectune.config.train import TrainConfig
from vectune.encode.precision import autocast, resolve_precision
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens, micro_batches, pack
from vectune.train.activations import training_arithmetic
from vectune.train.longest_first import deal, longest

_GIB = 2**30
_CPU_GIB = 3.0
_GPU_SHARE = 0.5
_MICRO_BATCH = {"cpu": 1024, "cuda": 32_768}  # tokens
_OVERHEAD_SHARE = 8  # one more micro-batch costs about an eighth of a full one that has all threads
_FEW_TEXTS = 8  # so many long texts together are worth a micro-batch twice as large
_MANY_ROOMS = 8  # a batch of so many: the half of one that is not computed twice saves it less than a fiftieth
_PROBE_TOKENS = 512


@dataclass(frozen=True)
class Room:
    """Tokens of one micro-batch, and tokens whose activations are kept at the same time; both count padding.

    Up to `few_texts` take twice the tokens of a micro-batch where they are long. `at_once` is how many micro-batches go
    through the model at the same time. `halvings` is how often the room was halved because memory ran out,
    `everything_checkpointed` whether activation checkpointing had to come on for all texts as well.
    """

    micro_batch_tokens: int
    kept_tokens: int
    few_texts: int = 1
    at_once: int = 1
    halvings: int = 0
    everything_checkpointed: bool = False

    def halved(self) -> Room:
        """Half of it, and nothing beyond it for few texts any more."""
        return replace(
            self, micro_batch_tokens=max(self.micro_batch_tokens // 2, 1), kept_tokens=max(self.kept_tokens // 2, 1),
            few_texts=1, halvings=self.halvings + 1,
        )  # fmt: skip

    def checkpointed(self) -> Room:
        """The same, with activation checkpointing of all texts."""
        return replace(self, everything_checkpointed=True)

    def groups(self, lengths: Indices, prompts: Indices) -> list[list[Indices]]:
        """Positions of texts of these lengths, longest first: micro-batches, and groups of them that fit together.

        One group where all fit; else groups of half the room, since a step that is computed twice anyway gains little
        from more, and of a quarter where even half would be a small part of it. A text alone may be too long for
        either; it is then a micro-batch and a group of its own.
        """
        share = 4 if int(lengths.sum()) > _MANY_ROOMS * self.kept_tokens else 2
        most = max(self.kept_tokens // share, 1)
        parts = self._cuts(lengths, prompts, most)
        padded = _padded(parts, lengths)
        limit = self.kept_tokens if sum(padded) <= self.kept_tokens else most
        groups: list[list[Indices]] = []
        held = 0
        for part, tokens in zip(parts, padded, strict=True):
            if not groups or held + tokens > limit:
                groups.append([])
                held = 0
            groups[-1].append(part)
            held += tokens
        return groups

    def shares(self, parts: Sequence[Indices], lengths: Indices) -> list[list[int]]:
        """Which of these micro-batches each of those that work at once does, so that all are done together."""
        overhead = self._overhead(self.micro_batch_tokens)
        return deal([tokens + overhead for tokens in _padded(parts, lengths)], self.at_once)

    def _cuts(self, lengths: Indices, prompts: Indices, most: int) -> list[Indices]:
        """Micro-batches of at most `most` tokens, and small enough that all that work at once have some.

        Where room for few long texts leaves some without work, it is not used.
        """
        budget = min(self.micro_batch_tokens, most)
        few_texts = self.few_texts if 2 * budget <= most else 1
        if self.at_once > 1 and (share := max(int(lengths.sum()) // self.at_once, 1)) < budget:
            budget, few_texts = share, 1
        found: list[tuple[int, list[Indices]]] = []
        for few in [few_texts] if self.at_once == 1 else [few_texts, 1]:
            parts = list(micro_batches(lengths, budget, prompts, self._overhead(budget), few))
            costs = [tokens + self._overhead(budget) for tokens in _padded(parts, lengths)]
            found.append((longest(costs, self.at_once), parts))
        return min(found, key=lambda one: one[0])[1]

    def _overhead(self, budget: int) -> int:
        """Tokens that one more micro-batch costs; where several go at once, a token takes that many times as long."""
        return max(budget // (_OVERHEAD_SHARE * self.at_once), 1)


def _padded(parts: Sequence[Indices], lengths: Indices) -> list[int]:
    """Tokens of each micro-batch, padding included."""
    return [len(part) * int(lengths[part].max(initial=1)) for part in parts]


def room_for(encoder: SentenceEncoder, tokens: Tokens, config: TrainConfig, at_once: int = 1) -> Room:
    """The room that the settings give this model; the free memory of the moment plays no part.

    So a resumed run takes the same path as the one that was interrupted.
    """
    micro_batch = config.micro_batch_tokens or _MICRO_BATCH.get(encoder.device.type, _MICRO_BATCH["cuda"])
    few = 1 if config.micro_batch_tokens else _FEW_TEXTS
    try:
        per_token = bytes_per_token(encoder, tokens, config)
    except torch.OutOfMemoryError:
        return Room(micro_batch, 1)  # one text at a time, and layers computed twice: what costs least
    limit = config.activation_gib or _default_gib(encoder.device)
    return Room(micro_batch, max(int(limit * _GIB / max(per_token, 1.0)), 1), few, at_once)


def bytes_per_token(encoder: SentenceEncoder, tokens: Tokens, config: TrainConfig) -> float:
    """Bytes of activations that the backward pass needs of one token, tried with the longest text, cut at 512 tokens.

    Attention may need more of a token the longer its text. The difference between two such texts and one, so that what
    is kept once for all texts does not count.
    """
    if not len(tokens):
        return 0.0
    longest = int(np.argmax(tokens.lengths))
    start, stop = tokens.offsets[longest : longest + 2].tolist()
    ids = tokens.ids[start : min(stop, start + _PROBE_TOKENS)].tolist()
    texts = pack([ids, ids], prompt_length=int(tokens.prompt_lengths[longest]))
    one, two = (_kept_bytes(encoder, texts, np.arange(count), config) for count in (1, 2))
    return (two - one) / max(len(ids), 1)


def _kept_bytes(encoder: SentenceEncoder, tokens: Tokens, rows: Indices, config: TrainConfig) -> int:
    """Bytes that autograd keeps after a forward pass over `rows`, each block of memory once, weights left out."""
    weights = {weight.untyped_storage().data_ptr() for weight in encoder.model.parameters()}
    kept: dict[int, int] = {}

    def note(value: Tensor) -> Tensor:
        if value.layout is torch.strided and (block := value.untyped_storage()).data_ptr() not in weights:
            kept[block.data_ptr()] = block.nbytes()
        return value

    precision = resolve_precision(config.precision, encoder.device)
    devices = [encoder.device] if encoder.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        arithmetic = training_arithmetic([encoder.model], precision, encoder.device)
        with arithmetic, autocast(precision, encoder.device):
            vectors = encoder.forward(tokens, rows)
        assert vectors is not None  # its graph holds every block until here, so that no address comes twice
    return sum(kept.values())


def _default_gib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory * _GPU_SHARE / _GIB
    return _CPU_GIB
