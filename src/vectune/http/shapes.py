"""What requests hold, checked once; unknown keys are refused with their path."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, StrictInt, StringConstraints, field_validator

MOST_INPUTS = 2048
MOST_TOKENS = 8192
MOST_TOKENS_TOGETHER = 300_000
_NO_NUL = r"^[^\x00]*$"
"""What a database keeps: PostgreSQL has no text with a NUL in it."""
_Metadata = dict[
    Annotated[str, StringConstraints(max_length=64, pattern=_NO_NUL)],
    Annotated[str, StringConstraints(max_length=512, pattern=_NO_NUL)],
]
_Suffix = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_NO_NUL)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_NO_NUL)]
_Input = SkipValidation[str | list[str] | list[StrictInt] | list[list[StrictInt]]]
"""For the OpenAPI document: `_of_one_kind` looks at each number once, where a union would note a fault for each."""
_INPUT = Field(json_schema_extra={"minLength": 1, "minItems": 1, "maxItems": MOST_INPUTS})
_AUTO: dict[str, Any] = {"anyOf": [{"const": "auto"}, {"type": "number", "exclusiveMinimum": 0}]}
_HYPERPARAMETERS = dict.fromkeys(("n_epochs", "batch_size", "learning_rate_multiplier"), _AUTO)
_Hyperparameters = Annotated[dict[str, Any], Field(json_schema_extra={"properties": _HYPERPARAMETERS})]
"""For the OpenAPI document: what is in them is checked where it is known."""


class Shape(BaseModel):
    """The base of every body."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EmbeddingRequest(Shape):
    """`POST /v1/embeddings`. `input_type` is ours: which side of a search the texts stand on."""

    input: Annotated[_Input, _INPUT]
    model: _Name
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: StrictInt | None = Field(None, ge=1)
    user: str | None = None
    input_type: Literal["query", "document"] | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _of_one_kind(cls, given: Any) -> Any:
        items = given if isinstance(given, list) else [given]
        _refuse_many(items)
        if not items or any(item in ("", []) for item in items):
            raise ValueError("an input must not be empty")
        kinds = {type(item) for item in items}
        if kinds == {list} and all(type(token) is int for item in items for token in item):
            kinds = {tuple}
        if kinds not in ({str}, {tuple}) and (kinds != {int} or given is items[0]):
            raise ValueError("it must be a text, an array of texts, an array of tokens, or an array of such arrays")
        return given


def _refuse_many(items: list[Any]) -> None:
    """ValueError over the limits, told from lengths alone: what is too long is not looked through."""
    if items and type(items[0]) is int:
        items = [items]
    if len(items) > MOST_INPUTS:
        raise ValueError(f"an array may have {MOST_INPUTS} items, and this one has {len(items)}")
    lengths = [len(item) for item in items if type(item) is list]
    if max(lengths, default=0) > MOST_TOKENS:
        raise ValueError(f"an array of tokens may have {MOST_TOKENS} of them, and one has {max(lengths)}")
    if sum(lengths) > MOST_TOKENS_TOGETHER:
        raise ValueError(f"all arrays may have {MOST_TOKENS_TOGETHER} tokens, and these have {sum(lengths)}")


class Method(Shape):
    """`method` of a job: the hyperparameters in it are checked where they are known."""

    type: Literal["supervised"] = "supervised"
    supervised: Supervised | None = None


class Supervised(Shape):
    """`method.supervised`."""

    hyperparameters: _Hyperparameters | None = None


class JobRequest(Shape):
    """`POST /v1/fine_tuning/jobs`."""

    model: _Name
    training_file: _Name
    validation_file: _Name | None = None
    hyperparameters: _Hyperparameters | None = None
    method: Method | None = None
    suffix: _Suffix | None = None
    seed: StrictInt | None = Field(None, ge=0, le=2**31 - 1)
    metadata: Annotated[_Metadata, Field(max_length=16)] | None = None
    integrations: Annotated[list[Any], Field(max_length=0)] | None = None


class LegacyRequest(Shape):
    """`POST /v1/fine-tunes`. What made sense for text completion alone is taken and has no effect."""

    training_file: _Name
    validation_file: _Name | None = None
    model: _Name = "text-embedding-3-small"
    n_epochs: int | Literal["auto"] | None = None
    batch_size: int | Literal["auto"] | None = None
    learning_rate_multiplier: float | Literal["auto"] | None = None
    suffix: _Suffix | None = None
    prompt_loss_weight: float | None = None
    compute_classification_metrics: bool | None = None
    classification_n_classes: int | None = None
    classification_positive_class: str | None = None
    classification_betas: list[float] | None = None


class ListQuery(BaseModel):
    """The base of every list's query; what else stands in it is passed over, as `metadata[...]` is read elsewhere."""

    model_config = ConfigDict(frozen=True)

    after: str | None = None


class FileList(ListQuery):
    """The query of `GET /v1/files`."""

    limit: int = Field(10_000, ge=1, le=10_000)
    order: Literal["asc", "desc"] = "desc"
    purpose: str | None = None


class JobList(ListQuery):
    """The query of a list of jobs or events."""

    limit: int = Field(20, ge=1, le=100)


class LegacyList(ListQuery):
    """The query of `GET /v1/fine-tunes`, which older scripts call without one and want everything of."""

    limit: int = Field(1000, ge=1, le=1000)


class CheckpointList(JobList):
    """The query of a list of checkpoints."""

    limit: int = Field(10, ge=1, le=100)
