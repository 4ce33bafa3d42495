"""One optimiser step but for the update: forward, loss, backward, clip, within the memory there is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from vectune.config.train import TrainConfig
from vectune.encode.precision import autocast, resolve_precision
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens
from vectune.errors import TrainingError
from vectune.train.activation_checkpointing import activation_checkpointing
from vectune.train.activations import training_arithmetic
from vectune.train.batch import Batch
from vectune.train.crew import form_crew
from vectune.train.gradient_cache import Group, backpropagate
from vectune.train.objective import Objective
from vectune.train.room import Room, room_for
from vectune.train.row_adam import clip_gradients
from vectune.train.row_gradients import RowGradients


@dataclass(frozen=True)
class StepResult:
    """The loss of a batch and the L2 norm of its gradient before it was clipped; either may be no number."""

    loss: float
    gradient_norm: float


class Step:
    """Leaves the clipped gradient of a batch's loss in the weights.

    A batch whose activations fit goes through one graph; of a larger one, what does not fit is computed twice
    (`gradient_cache`). Where the device still runs out of memory, micro-batches are halved and the same step is done
    again; `note` is told once. `room` says what they have come to.
    """

    def __init__(
        self,
        encoder: SentenceEncoder,
        tokens: Tokens,
        objective: Objective,
        config: TrainConfig,
        note: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._encoder = encoder
        self._tokens = tokens
        self._objective = objective
        self._config = config
        self._note = note
        self._precision = resolve_precision(config.precision, encoder.device)
        self._crew = form_crew(encoder, config.micro_batches_at_once)
        self._whole = room_for(encoder, tokens, config, len(self._crew.models))
        self._rows = [RowGradients(model) for model in self._crew.models]
        self.room = self._whole
        if self.room.kept_tokens == 1:
            note(f"the memory of {encoder.device} is small: texts go through the model one at a time, layers twice")

    def resume(self, halvings: int, everything_checkpointed: bool) -> None:
        """Take the room that an interrupted run had come to."""
        for _ in range(halvings):
            self.room = self.room.halved()
        if everything_checkpointed:
            self.room = self.room.checkpointed()

    def run(self, batch: Batch) -> StepResult:
        """Forward, loss, backward and clip. TrainingError when the memory is too small for one text alone."""
        before = self.room
        while True:
            result = self._try(batch)
            if result is not None:
                break
            self.room = self._less(batch)
        if self.room != before and before == self._whole:
            self._note(self._said())
        return result

    def texts_without_number(self, batch: Batch) -> Indices:
        """Numbers of the batch's texts whose vectors, computed again as in a step, hold NaN or infinity."""
        found: list[Indices] = [batch.texts[:0]]
        with torch.no_grad(), training_arithmetic(self._crew.models, self._precision, self._encoder.device):
            for group in self._groups(batch):
                bad = ~self._forward(batch, group).isfinite().all(dim=1)
                found.append(batch.texts[np.concatenate(group)[bad.cpu().numpy()]])
        return np.concatenate(found)

    def _try(self, batch: Batch) -> StepResult | None:
        """None when the memory ran out; nothing of the attempt is left then."""
        weights = list(self._encoder.model.parameters())
        self._crew.clear()
        try:
            with ExitStack() as stack:
                for rows in self._rows:
                    stack.enter_context(rows.collected())
                stack.enter_context(training_arithmetic(self._crew.models, self._precision, self._encoder.device))
                loss = self._backpropagate(batch)
            self._crew.gather()
            norm = clip_gradients(weights, self._config.clip)
            value, length = torch.stack([loss, norm.to(loss.device)]).tolist()  # one wait for a GPU, not two
        except torch.OutOfMemoryError:
            pass  # the error holds the frames with all activations: go on outside of it
        else:
            return StepResult(value, length)
        self._crew.clear()
        if self._encoder.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _backpropagate(self, batch: Batch) -> Tensor:
        groups: list[list[Indices]] = self._groups(batch)
        if self._config.gradient_cache == "off":
            groups = [[part for group in groups for part in group]]
        return backpropagate(
            lambda group: self._forward(batch, group),
            groups,
            lambda vectors: self._objective(vectors, batch),
            keep_first=self._config.gradient_cache != "on",
        )

    def _groups(self, batch: Batch) -> list[list[Indices]]:
        return self.room.groups(self._tokens.lengths[batch.texts], self._tokens.prompt_lengths[batch.texts])

    def _forward(self, batch: Batch, group: Group) -> Tensor:
        """Vectors of a group's texts, in the group's order."""
        for rows in self._rows:
            rows.settle()  # what the groups before have left: no more than one group's rows wait
        tasks = [partial(self._vectors, batch, part) for part in group]
        if self.room.at_once == 1 or len(tasks) == 1:
            return torch.cat([task(self._encoder) for task in tasks])
        return self._crew.forward(tasks, self.room.shares(group, self._tokens.lengths[batch.texts]))

    def _vectors(self, batch: Batch, part: Indices, encoder: SentenceEncoder) -> Tensor:
        rows = batch.texts[part]
        longest = int(self._tokens.lengths[rows].max(initial=0))
        with (
            autocast(self._precision, encoder.device),
            activation_checkpointing(encoder.model) if self._checkpointed(longest) else nullcontext(),
        ):
            return encoder.forward(self._tokens, rows)

    def _checkpointed(self, longest: int) -> bool:
        """Whether a micro-batch with a text of this many tokens keeps its layers' inputs alone."""
        wanted = self._config.activation_checkpointing
        if wanted == "off":
            return False
        return wanted == "on" or self.room.everything_checkpointed or longest > self._whole.kept_tokens

    def _less(self, batch: Batch) -> Room:
        """The room for the next attempt at the batch."""
        if any(len(part) > 1 for group in self._groups(batch) for part in group):
            return self.room.halved()
        if not self.room.everything_checkpointed and self._config.activation_checkpointing == "auto":
            return self.room.checkpointed()
        longest = int(self._tokens.lengths[batch.texts].max())
        raise TrainingError(
            f"The memory of {self._encoder.device} is too small to train on one text of {longest} tokens.",
            "Lower --max-tokens"
            + (", or turn gradient_cache on." if self._config.gradient_cache == "off" else ", or --batch-size."),
        )

    def _said(self) -> str:
        done = []
        if self.room.halvings:
            before, now = self._whole.micro_batch_tokens, self.room.micro_batch_tokens
            done.append(f"micro-batches are cut from {before} to {now} tokens")
        if self.room.everything_checkpointed:
            done.append("layers are computed twice")
        return f"the memory of {self._encoder.device} ran out: from here on {' and '.join(done)}"
