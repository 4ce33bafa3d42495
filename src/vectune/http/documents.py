"""The OpenAPI document: bodies that routes read themselves, answers, errors, and the key that callers send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from vectune.http.schemas import ANSWERS, SCHEMAS, STREAMS
from vectune.jobs.files import PURPOSES

_ERRORS = {
    "400": "The request can't be used as it is.",
    "401": "There are API keys, and the request has none that is known.",
    "403": "There are no API keys, and the request comes from elsewhere.",
    "404": "The project has nothing of that name.",
    "429": "Too much was asked for at a time, or a quota is spent.",
    "431": "The address and the headers are too large.",
    "500": "A fault of the server.",
    "503": "Not now: the storage or a remote model is away, the server is too small, or it is being stopped.",
}
_ERRORS_OF_BODIES = {
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "415": "The body is packed, or not in UTF-8.",
    "502": "The remote model behind the name answered with an error.",
}
_NAME = "{name}"


def documented(shape: type[BaseModel]) -> dict[str, Any]:
    """What a route with a JSON body of `shape` adds to its entry; nested shapes are written out in place."""
    schema = shape.model_json_schema()
    inner = schema.pop("$defs", {})
    body = {"required": True, "content": {"application/json": {"schema": _written_out(schema, inner)}}}
    return {"requestBody": body}


def documented_form() -> dict[str, Any]:
    """The same for an upload."""
    fields = {
        "file": {"type": "string", "format": "binary"},
        "purpose": {"type": "string", "enum": list(PURPOSES)},
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
    }
    schema = {"type": "object", "properties": fields, "required": ["file", "purpose"]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def complete(app: FastAPI, generate: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The document that FastAPI generates once, with what it can't know: routes here write their answers themselves."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = generate()
    document["components"] = {
        "schemas": SCHEMAS,
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/v1/"):
                operation["security"] = [{"key": []}]
                operation["responses"] = _responses(path, method, operation, document["paths"])
    document["paths"]["/readyz"]["get"]["responses"]["503"] = {"description": "The default model does not answer yet."}
    return document


def _responses(path: str, method: str, operation: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if (path, method) in ANSWERS:
        content["application/json"] = {"schema": _reference(ANSWERS[path, method])}
    if (path, method) in STREAMS:
        content[STREAMS[path, method]] = {}
    good: dict[str, Any] = {"description": "Done.", "content": content}
    if method == "post" and _NAME not in path:
        good["links"] = _links(path, paths)
    told = _ERRORS | (_ERRORS_OF_BODIES if "requestBody" in operation else {})
    error = {"application/json": {"schema": _reference("Error")}}
    return {"200": good} | {status: {"description": said, "content": error} for status, said in told.items()}


def _links(path: str, paths: dict[str, Any]) -> dict[str, Any]:
    """What can be done with a thing that `path` makes: each operation on it, by the id in the answer."""
    below = {name: operations for name, operations in paths.items() if name.startswith(f"{path}/{_NAME}")}
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"name": "$response.body#/id"},
        }
        for operations in below.values()
        for operation in operations.values()
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _written_out(node: Any, inner: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_written_out(each, inner) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _written_out(inner[node["$ref"].rsplit("/", 1)[1]], inner)
    return {key: _written_out(value, inner) for key, value in node.items()}
