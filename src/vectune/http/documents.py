"""The OpenAPI document's entries for bodies that routes read themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


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
        "purpose": {"type": "string"},
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
    }
    schema = {"type": "object", "properties": fields, "required": ["file", "purpose"]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _written_out(node: Any, inner: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_written_out(each, inner) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _written_out(inner[node["$ref"].rsplit("/", 1)[1]], inner)
    return {key: _written_out(value, inner) for key, value in node.items()}
