"""What answers look like, for the OpenAPI document: the shapes that http/objects.py writes."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _object(**fields: str | Schema) -> Schema:
    """An object that has all of `fields`: each a JSON type, `TYPE?` where it may be null, or a schema."""
    properties = {name: _typed(kind) if isinstance(kind, str) else kind for name, kind in fields.items()}
    return {"type": "object", "properties": properties, "required": list(fields)}


def _typed(kind: str) -> Schema:
    return {"type": [kind[:-1], "null"]} if kind.endswith("?") else {"type": kind}


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> Schema:
    return _object(object="string", data={"type": "array", "items": _named(name)})


_ERROR = _object(message="string", type="string", param="string?", code="string?")
_VECTOR: Schema = {"type": ["array", "string"], "items": {"type": "number"}}
SCHEMAS: dict[str, Schema] = {
    "Error": _object(error=_ERROR),
    "Deleted": _object(id="string", object="string", deleted="boolean"),
    "File": _object(
        id="string", object="string", bytes="integer", created_at="integer", filename="string", purpose="string",
        status="string", status_details="string?",
    ),
    "Files": _list_of("File"),
    "Job": _object(
        id="string", object="string", created_at="integer", finished_at="integer?", estimated_finish="integer?",
        model="string", fine_tuned_model="string?", organization_id="string", status="string",
        trained_tokens="integer?", training_file="string", validation_file="string?", hyperparameters="object",
        method="object", result_files="array", seed="integer", metadata="object?", error="object?",
    ),
    "Jobs": _list_of("Job"),
    "Event": _object(
        id="string", object="string", created_at="integer", level="string", message="string", type="string",
        data="object?",
    ),
    "Events": _list_of("Event"),
    "Checkpoint": _object(
        id="string", object="string", created_at="integer", fine_tuned_model_checkpoint="string",
        fine_tuning_job_id="string", step_number="integer", metrics="object",
    ),
    "Checkpoints": _list_of("Checkpoint"),
    "Model": _object(id="string", object="string", created="integer", owned_by="string"),
    "Models": _list_of("Model"),
    "Embedding": _object(object="string", index="integer", embedding=_VECTOR),
    "Embeddings": _object(
        object="string", data={"type": "array", "items": _named("Embedding")}, model="string",
        usage=_object(prompt_tokens="integer", total_tokens="integer"),
    ),
    "FineTune": _object(
        id="string", object="string", model="string", created_at="integer", updated_at="integer", status="string",
        fine_tuned_model="string?", hyperparams="object", training_files="array", result_files="array",
        error="object?",
    ),
    "FineTunes": _list_of("FineTune"),
    "FineTuneEvent": _object(object="string", created_at="integer", level="string", message="string"),
    "FineTuneEvents": _list_of("FineTuneEvent"),
}  # fmt: skip
ANSWERS: dict[tuple[str, str], str] = {
    ("/v1/embeddings", "post"): "Embeddings",
    ("/v1/files", "get"): "Files",
    ("/v1/files", "post"): "File",
    ("/v1/files/{name}", "get"): "File",
    ("/v1/files/{name}", "delete"): "Deleted",
    ("/v1/fine_tuning/jobs", "get"): "Jobs",
    ("/v1/fine_tuning/jobs", "post"): "Job",
    ("/v1/fine_tuning/jobs/{name}", "get"): "Job",
    ("/v1/fine_tuning/jobs/{name}/cancel", "post"): "Job",
    ("/v1/fine_tuning/jobs/{name}/pause", "post"): "Job",
    ("/v1/fine_tuning/jobs/{name}/resume", "post"): "Job",
    ("/v1/fine_tuning/jobs/{name}/events", "get"): "Events",
    ("/v1/fine_tuning/jobs/{name}/checkpoints", "get"): "Checkpoints",
    ("/v1/models", "get"): "Models",
    ("/v1/models/{name}", "get"): "Model",
    ("/v1/models/{name}", "delete"): "Deleted",
    ("/v1/fine-tunes", "get"): "FineTunes",
    ("/v1/fine-tunes", "post"): "FineTune",
    ("/v1/fine-tunes/{name}", "get"): "FineTune",
    ("/v1/fine-tunes/{name}/cancel", "post"): "FineTune",
    ("/v1/fine-tunes/{name}/events", "get"): "FineTuneEvents",
}
"""Path and method to the schema of a good answer."""
STREAMS: dict[tuple[str, str], str] = {
    ("/v1/files/{name}/content", "get"): "application/octet-stream",
    ("/v1/fine-tunes/{name}/events", "get"): "text/event-stream",
}
"""What is not, or not only, answered in JSON."""
