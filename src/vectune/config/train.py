"""Settings of training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from vectune.config.model import Config

LossName = Literal["auto", "info_nce", "triplet", "cosent", "supervised_contrastive"]


class TrainConfig(Config):
    """How the base model is tuned. Where a value is left out, the number of training rows decides."""

    method: Literal["full"] = "full"
    """Which weights move; `full` moves all of them."""
    loss: LossName = "auto"
    """The loss; `auto` takes InfoNCE for pairs and lists, triplet for triplets, CoSENT for scored pairs, supervised
    contrastive for labelled texts."""
    epochs: float | None = Field(None, gt=0)
    """Passes over the training rows."""
    batch_size: int | None = Field(None, ge=2)
    """Rows that one optimiser step sees; for InfoNCE also the number of in-batch negatives plus one."""
    learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate of AdamW."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of the steps over which the learning rate climbs; afterwards it falls along a half cosine to zero."""
    weight_decay: float = Field(0.01, ge=0)
    """Decay of weight matrices; biases, norms and embeddings have none."""
    clip: float = Field(1.0, gt=0)
    """Largest L2 norm of the gradient."""
    temperature: float = Field(0.05, gt=0)
    """Divides cosine similarities in InfoNCE, CoSENT and supervised contrastive; lower is sharper."""
    margin: float = Field(0.2, gt=0)
    """Cosine by which the triplet loss wants the positive ahead of the negative."""
    symmetric: bool = True
    """InfoNCE in both directions: anchors find positives and positives find anchors."""
    max_negatives: int = Field(4, ge=0)
    """Given hard negatives used for one anchor in one step."""
    dims: tuple[int, ...] = ()
    """Matryoshka dimensions; the loss is averaged over them. Empty trains the full size alone."""
    max_tokens: int | None = Field(None, ge=8)
    """Tokens of a text that the model sees in training; by default the base model's own limit."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward and backward pass; `auto` takes bf16 where the machine has instructions for it."""
    micro_batch_tokens: int = Field(2048, ge=256)
    """Tokens, padding included, that go through the model at once."""
    evals_per_epoch: int = Field(2, ge=1)
    """Times per epoch that dev is judged and the best weights are kept."""
    patience: int = Field(4, ge=1)
    """Evaluations without a better dev score after which training stops."""
    dev_queries: int = Field(300, ge=4)
    """Most dev queries that are scored while training, drawn by hash; dev chooses weights, it proves nothing."""
    dev_corpus: int = Field(600, ge=10)
    """Most documents that dev retrieval ranks: the relevant ones first, then others drawn by hash."""
    interpolation: tuple[float, ...] = (0.5, 0.75, 1.0)
    """Shares of the tuned weights tried when tuned and base weights are mixed; dev decides. `1` keeps the tuned
    weights as they are."""
    checkpoint_steps: int = Field(100, ge=1)
    """Steps between two checkpoints from which `--resume` goes on."""
    keep_large_blocks: bool = True
    """Tell glibc to keep freed blocks instead of returning them to the kernel (Linux with glibc only)."""
    threads: int | None = Field(None, ge=1)
    """CPU threads of torch; by default one a core."""
    seed: int = Field(0, ge=0)
    """Seed of shuffling and of every random draw in training."""

    @field_validator("dims")
    @classmethod
    def _largest_first(cls, dims: tuple[int, ...]) -> tuple[int, ...]:
        if any(dim < 1 for dim in dims):
            raise ValueError("dims must be 1 or more")
        return tuple(sorted(set(dims), reverse=True))

    @field_validator("interpolation")
    @classmethod
    def _ends_tuned(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not shares or min(shares) <= 0 or max(shares) > 1:
            raise ValueError("interpolation needs shares above 0 and up to 1")
        return tuple(sorted(set(shares)))
