"""Settings of training."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from vectune.config.model import Config

LossName = Literal["auto", "info_nce", "triplet", "cosent", "supervised_contrastive", "margin_mse", "listwise_kl"]
MethodName = Literal["full", "lora", "adapter", "static"]
DistilLossName = Literal["listwise_kl", "margin_mse"]


class TrainConfig(Config):
    """How the base model is tuned. Where a value is left out, the number of training rows decides."""

    method: MethodName = "full"
    """What is trained: `full` all weights of the base, `lora` small low-rank updates beside them, `adapter` a small
    map of query vectors after it, `static` a token table distilled from the base."""
    loss: LossName = "auto"
    """The loss; `auto` takes InfoNCE for pairs and lists, triplet for triplets, CoSENT for scored pairs, supervised
    contrastive for labelled texts. `margin_mse` and `listwise_kl` learn from a teacher, or from scores in the data."""
    epochs: float | None = Field(None, gt=0)
    """Passes over the training rows."""
    batch_size: int | None = Field(None, ge=2)
    """Rows that one optimiser step sees; for InfoNCE also the number of in-batch negatives plus one."""
    learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate of AdamW."""
    learning_rate_multiplier: float = Field(1.0, gt=0)
    """Multiplies the peak learning rate, given or chosen by the number of rows."""
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
    micro_batch_tokens: int | None = Field(None, ge=256)
    """Tokens, padding included, that go through the model at once; by default 1,024 on a CPU, where they fit its
    caches, and 32,768 on a GPU, or twice that where it holds no more than eight texts."""
    micro_batches_at_once: int | None = Field(None, ge=1)
    """Micro-batches that go through the model at the same time on a CPU, each with its share of the threads; by default
    two, and one for models of more than about a hundred million trained weights, word embeddings not counted."""
    gradient_cache: Literal["auto", "on", "off"] = "auto"
    """Whether texts are computed twice so that the memory of a step does not grow with its batch; `auto` does so with
    those texts alone whose activations go beyond `activation_gib`."""
    activation_gib: float | None = Field(None, gt=0)
    """GiB of activations that one step keeps; by default 3 on a CPU, and half of a GPU's memory."""
    activation_checkpointing: Literal["auto", "on", "off"] = "auto"
    """Whether layers keep their inputs alone and are computed again in the backward pass; `auto` does so with texts
    that need more than `activation_gib` each."""
    texts_per_label: int = Field(4, ge=2)
    """Labelled texts: most texts of one label that come together into a batch."""
    teacher: str | None = None
    """Embedding model whose similarities are learnt beside the data, named as `base` is; its dimensions may differ."""
    distil_loss: DistilLossName = "listwise_kl"
    """How the teacher is learnt from where `loss` is one of the data's own; `margin_mse` needs pairs or triplets."""
    distil_weight: float = Field(0.5, ge=0, le=1)
    """Share of the teacher's loss in the whole; the rest is the data's own loss."""
    teacher_temperature: float = Field(0.05, gt=0)
    """Divides the teacher's scores in `listwise_kl`; lower follows the teacher's favourites only."""
    student_temperature: float = Field(0.05, gt=0)
    """Divides the cosines of the model in training in `listwise_kl`."""
    guide: str | None = None
    """Embedding model that tells probable false negatives, named as `base` is, or `self` for the base itself; InfoNCE
    then leaves out what the guide finds more similar than the positive."""
    guide_margin: float = Field(0.0, ge=-2, le=2)
    """Cosine below the positive's from which the guide calls a candidate a false negative; higher leaves out more."""
    evals_per_epoch: int = Field(2, ge=1)
    """Times per epoch that dev is judged and the best weights are kept."""
    patience: int = Field(4, ge=1)
    """Evaluations without a better dev score after which training stops."""
    dev_queries: int = Field(300, ge=4)
    """Most dev queries that are scored while training, drawn by hash; dev chooses weights, it proves nothing."""
    dev_corpus: int = Field(600, ge=10)
    """Most documents that dev retrieval ranks: the relevant ones first, then others drawn by hash."""
    interpolation: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Shares of the tuned weights tried when tuned and base weights are mixed; dev decides among those whose general
    ability, on everyday texts kept for this, falls no further than the verdict allows. `1` keeps the tuned weights as
    they are."""
    checkpoint_steps: int = Field(100, ge=1)
    """Steps between two checkpoints from which `--resume` goes on; those of `method = "adapter"` are at least two
    seconds apart, whatever this says."""
    keep_large_blocks: bool = True
    """Tell glibc to keep freed blocks instead of returning them to the kernel (Linux with glibc only)."""
    threads: int | None = Field(None, ge=1)
    """CPU threads of torch; by default one a core."""
    seed: int = Field(0, ge=0)
    """Seed of shuffling and of every random draw in training."""
    lora_rank: int = Field(16, ge=1, le=1024)
    """Rank of the updates of `method = "lora"`; higher ones can learn more and cost more."""
    lora_alpha: float = Field(32.0, gt=0)
    """Scale of the updates of `method = "lora"`: they are multiplied by `lora_alpha` / `lora_rank`."""
    adapter_rank: int = Field(32, ge=1)
    """Rank of the map of `method = "adapter"`, at most the length of the vectors; lower ones overfit less."""
    adapter_candidates: int = Field(8192, ge=2)
    """Most documents that one step of `method = "adapter"` ranks: all those of the training rows where they are no
    more than that, else the batch's own, hard negatives mined among all, and others drawn at random."""
    static_dim: int = Field(256, ge=1)
    """Length of the vectors of `method = "static"`, at most that of the base."""
    static_words: int = Field(20_000, ge=0)
    """Most whole words of the training texts that get a row of their own in the table of `method = "static"`."""
    static_sif: float = Field(3e-4, gt=0)
    """Smoothing of the token weights of `method = "static"`: a token of frequency p counts `static_sif` /
    (`static_sif` + p); lower values make frequent tokens count less."""
    static_whitening: float = Field(0.5, ge=0, le=1)
    """How far the principal components of the table of `method = "static"` are brought to equal size: 0 not at all, 1
    wholly. More tells the texts of a domain better apart and costs general ability."""

    @field_validator("*")
    @classmethod
    def _belongs_to_the_method(cls, value: Any, info: ValidationInfo) -> Any:
        """A setting named after a method goes with that method alone: it would be passed over in silence elsewhere."""
        name, chosen = info.field_name or "", info.data.get("method")
        owner = name.split("_", 1)[0]
        default = cls.model_fields[name].default
        if "_" in name and owner in get_args(MethodName) and chosen not in (owner, None) and value != default:
            raise ValueError(f"this is a setting of the method {owner}, but the method is {chosen}")
        return value

    @field_validator("teacher", "guide")
    @classmethod
    def _adapter_has_neither(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None and info.data.get("method") == "adapter":
            raise ValueError("an adapter learns from the data alone")
        return name

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
